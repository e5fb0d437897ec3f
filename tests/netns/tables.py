# SPDX-License-Identifier: GPL-2.0-or-later
"""Large tables: making flows without traffic, and comparing what nodes know of them."""
import re
import socket
import struct
import subprocess
import threading
import time

from netns import TimedOut

# The second node's flows begin here, so that they are never those of the first.
OTHERS = 16 << 20
LINE = re.compile(r"^(\w+) +\d+ (?:\d+ )?(?:([A-Z_\d]+) )?"
                  r"(src=\S+ dst=\S+(?: (?:sport|dport|type|code|id|srckey|dstkey)=\S+)*)"
                  r"[^\n]*?mark=(\d+)(?: zone=(\d+))?", re.MULTILINE)
MADE = re.compile(r"dst=(198\.51\.100\.1|2001:db8::c633:6401) ")     # by the generator


def parse(text):
    """Identity of each listed flow -> state and mark."""
    flows = {(proto, orig, zone): (state, mark)
             for proto, state, orig, mark, zone in LINE.findall(text)}
    lines = text.count("\n")
    assert len(flows) == lines, f"{lines} lines list {len(flows)} flows"
    return flows


def table(node, option):
    """What `-i` or `-e` lists."""
    return parse(node.daemon.ok(option))


# --- asking without a process for each question ---

DUMP_INTERNAL, STATISTICS, CACHES = 16, 21, 29      # requests, as in doc/control.md


def request(node, number, timeout=20):
    """A connection on which a request is made."""
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.settimeout(timeout)
        sock.connect(node.daemon.path("ctl"))
        sock.sendall(struct.pack("=I", number))
    except BaseException:
        sock.close()
        raise
    return sock


def ask(node, number):
    """The whole answer."""
    with request(node, number) as sock, sock.makefile("r", encoding="ascii") as stream:
        return stream.read()


def active(node, side):
    """Number of flows in a cache, "internal" or "external"."""
    part = ask(node, CACHES).split("cache:" + side)[1]
    return int(re.search(r"active/total entries:\s+(\d+)/", part)[1])


class Sampler:
    """Asks a daemon for its statistics (-s) again and again while the context lasts."""

    def __init__(self, node):
        self.node, self.seconds = node, []
        self._over = threading.Event()
        self._failure = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        try:
            while not self._over.wait(0.01):
                start = time.monotonic()
                assert ask(self.node, STATISTICS), "an empty answer to -s"
                self.seconds.append(time.monotonic() - start)
        except (OSError, AssertionError) as why:
            self._failure = why

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, value, trace):
        self._over.set()
        self._thread.join()
        if kind is None:
            assert self._failure is None, f"-s on {self.node.name}: {self._failure}"

    @property
    def worst(self):
        return max(self.seconds, default=0.0)

    def __str__(self):
        return f"{len(self.seconds)} x -s on {self.node.name}, worst {self.worst * 1000:.1f} ms"


# --- making flows ---

def _generator(ctx, node, *args):
    return node.ns.start([ctx.flowgen] + [str(arg) for arg in args],
                         stdout=subprocess.PIPE, text=True)


def start_fill(ctx, node, count, rate=0, first=0, kind="plain"):
    """Begin to create flows in the node's kernel; see `finished`."""
    return _generator(ctx, node, "create", count, rate, first, kind)


def start_churn(ctx, node, count, rate, seconds, first=0, kind="plain", seed=1):
    """Begin to create, change and delete flows among those that are there."""
    return _generator(ctx, node, "churn", count, rate, first, kind, seconds, seed)


def finished(jobs):
    """Wait for generators; returns the number of operations."""
    total = 0
    for job in jobs:
        text = job.communicate()[0]
        assert job.returncode == 0, f"the generator fails: {text}"
        total += int(text.split()[0])
    return total


def fill(ctx, node, count, **more):
    finished([start_fill(ctx, node, count, **more)])


def delete(ctx, node, count, first=0, kind="plain"):
    finished([_generator(ctx, node, "delete", count, 0, first, kind)])


# --- comparing ---

SETTLED = 0.3           # seconds without change in size before whole tables are compared


class Difference:
    """How the external view of a backup differs from what the owner has."""

    def __init__(self, owner, backup):
        mine, theirs = table(owner, "-i"), table(backup, "-e")
        self.size, self.since = len(mine), None
        self.missing = sorted(mine.keys() - theirs.keys())
        self.stale = sorted(theirs.keys() - mine.keys())
        self.wrong = sorted(k for k in mine.keys() & theirs.keys() if mine[k] != theirs[k])
        self.example = [(k, mine.get(k), theirs.get(k))
                        for k in (self.missing[:2] + self.stale[:2] + self.wrong[:2])]

    def __bool__(self):
        return bool(self.missing or self.stale or self.wrong)

    def __str__(self):
        return (f"of {self.size} flows {len(self.missing)} are missing, {len(self.wrong)} have "
                f"another state or mark, {len(self.stale)} are stale: {self.example}")


def converge(owner, backup, timeout):
    """Wait until both views are equal. Returns the last comparison, with the time since when."""
    end = time.monotonic() + timeout
    before, since = None, 0
    while True:
        sizes = active(owner, "internal"), active(backup, "external")
        if sizes != before:
            before, since = sizes, time.monotonic()
        # comparing whole tables takes long; not before they are equal in size, and stay so
        late = time.monotonic() > end
        if late or (sizes[1] == sizes[0] and time.monotonic() > since + SETTLED):
            diff = Difference(owner, backup)
            if not diff:
                diff.since = since
                return diff
            if late:
                raise TimedOut(f"{backup.name} differs from {owner.name} after {timeout} s: {diff}")
            before = None
        time.sleep(0.02)


def same_as_kernel(node):
    """The internal cache must be what the kernel has."""
    text = node.ns.run(["conntrack", "-L"]).stdout
    kernel = parse("".join(line for line in text.splitlines(True) if MADE.search(line)))
    cache = {key: value for key, value in table(node, "-i").items() if MADE.search(key[1])}
    assert cache == kernel, (f"{node.name}: {len(kernel.keys() - cache.keys())} of {len(kernel)} "
                             f"flows are missing in the cache, {len(cache.keys() - kernel.keys())} "
                             "too many, or their states differ")
