# SPDX-License-Identifier: GPL-2.0-or-later
"""A daemon on a node: its configuration, its life, its command line."""
import collections
import contextlib
import glob
import os
import re
import signal
import subprocess
import time

from netns import wait_for

PORT = 3780
GROUP4, GROUP6 = "225.0.0.50", "ff15::3780"
MODES = {
    "FTFW": "Mode FTFW {{ PurgeTimeout 5\n{extra}\n}}",
    "NOTRACK": "Mode NOTRACK {{ PurgeTimeout 5\n{extra}\n}}",
    "ALARM": "Mode ALARM {{ RefreshTime 2\nCacheTimeout 20\nPurgeTimeout 5\n{extra}\n}}",
}
# Room for what a pause of the machine lets pile up, and a soon end to what gets lost after all.
EVENT_BUFFER = 33554432
EVENTS = (f"NetlinkBufferSize {EVENT_BUFFER}\nNetlinkBufferSizeMaxGrowth 134217728\n"
          "NetlinkOverrunResync 2")
SMALL_BUFFER = "NetlinkBufferSize 65536\nNetlinkBufferSizeMaxGrowth 65536"
Result = collections.namedtuple("Result", "code out err seconds")


def link_clauses(transport, own, peer, device="sync0", port=PORT):
    """A dedicated link, but for its end; `transport` is udp4, mcast6 and so on."""
    kind, family = transport[:-1], transport[-1]
    if kind == "mcast":
        group = GROUP4 if family == "4" else GROUP6
        join = f"IPv4_interface {own.sync4}" if family == "4" else ""
        return (f"Multicast {{\nIPv{family}_address {group}\nGroup {port}\n{join}\n"
                f"Interface {device}\n")
    mine, other = (own.sync4, peer.sync4) if family == "4" else (own.sync6, peer.sync6)
    return (f"{kind.upper()} {{\nIPv{family}_address {mine}\n"
            f"IPv{family}_Destination_Address {other}\nPort {port}\nInterface {device}\n")


class Daemon:
    """One daemon in the namespace of `node`; files lie in `folder`."""

    def __init__(self, node, peer, folder):
        self.node, self.peer = node, peer
        self.ns = node.ns
        self.path = lambda suffix: os.path.join(folder, f"{node.name}.{suffix}")
        self.binary = None
        self.proc = None
        self.ended = None       # exit status of the last run

    def configure(self, binary, mode="FTFW", window=None, transport="udp4", mode_extra="",
                  link_extra="", options="", general="", named=False):
        """Write the configuration.

        `window` sets TCPWindowTracking; `named` puts the link into a block of the peer's name;
        `link_extra` goes to the end of the link, or closes it and begins another.
        """
        self.binary = binary
        if window is not None:
            options += f"\nTCPWindowTracking {'on' if window else 'off'}"
        text = "\n".join([
            "Sync {", MODES[mode].format(extra=mode_extra),
            f"Peer {self.peer.name} {{" if named else "",
            link_clauses(transport, self.node, self.peer), link_extra, "}",
            "}" if named else "",
            f"Options {{\n{options}\n}}" if options else "", "}",
            "General {", "HashSize 16384", "HashLimit 65536", "Syslog off",
            f"LogFile {self.path('log')}", f"LockFile {self.path('lock')}",
            f"UNIX {{\nPath {self.path('ctl')}\n}}",
            EVENTS, general,
            "Filter From Userspace {", "Address Ignore {",
            "IPv4_address 127.0.0.0/8", "IPv4_address 10.99.0.0/24",
            f"IPv4_address {self.node.left4}", f"IPv4_address {self.node.right4}",
            "IPv6_address ::1", "IPv6_address fe80::/10", "IPv6_address fd99::/64",
            f"IPv6_address {self.node.left6}", f"IPv6_address {self.node.right6}",
            "}", "}", "}"])
        with open(self.path("conf"), "w", encoding="ascii") as f:
            f.write("\n".join(line for line in text.split("\n") if line.strip()) + "\n")
        return self

    def _environment(self):
        env = dict(os.environ)
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            report = self.path(name.split("_")[0].lower())
            env[name] = ":".join(filter(None, [env.get(name), f"log_path={report}",
                                               "print_stacktrace=1"]))
        return env

    def start(self, wait=True):
        """Run in the foreground and wait until it answers."""
        self.ended = None
        with open(self.path("out"), "ab") as out:
            self.proc = self.ns.start([self.binary, "-C", self.path("conf")], stdout=out,
                                      stderr=subprocess.STDOUT, env=self._environment())
        if wait:
            self.wait_up()
        return self

    def wait_up(self):
        wait_for(self._answers, 20, f"daemon {self.node.name} answers")

    def _answers(self):
        if self.proc.poll() is not None:
            raise AssertionError(f"daemon {self.node.name} ended with {self.proc.returncode}")
        return os.path.exists(self.path("ctl")) and self.ctl("-s", "runtime").code == 0

    def stop(self, how=signal.SIGTERM, timeout=10):
        """End it and return its exit status; SIGKILL makes it a crash."""
        if self.proc is None:
            return self.ended
        self.proc.send_signal(how)
        return self.wait_end(timeout)

    def wait_end(self, timeout=10):
        self.ended = self.proc.wait(timeout)
        self.proc = None
        return self.ended

    def crash(self):
        return self.stop(signal.SIGKILL)

    def restart_after_power_loss(self):
        """Start as the boot of a machine does, where nothing is left in /run."""
        for suffix in ("lock", "ctl"):
            with contextlib.suppress(OSError):
                os.unlink(self.path(suffix))
        return self.start()

    def ctl(self, *args, config=True):
        """Run a command against the daemon."""
        start = time.monotonic()
        argv = [self.binary] + (["-C", self.path("conf")] if config else []) + list(args)
        done = self.ns.run(argv, env=self._environment())
        return Result(done.returncode, done.stdout, done.stderr, time.monotonic() - start)

    def ok(self, *args):
        """As `ctl`, for a command that must succeed; returns what it prints."""
        result = self.ctl(*args)
        if result.code:
            raise AssertionError(f"{self.node.name}: {' '.join(args)} exits {result.code}: "
                                 f"{result.err.strip()}")
        return result.out

    def flows(self, option):
        """What `-i` or `-e` lists."""
        return [Flow(line) for line in self.ok(option).splitlines()]

    def last_words(self, count=15):
        """The end of its log, or of its output if it came to no log."""
        for suffix in ("log", "out"):
            with contextlib.suppress(OSError):
                with open(self.path(suffix), encoding="utf-8", errors="replace") as f:
                    lines = f.read().splitlines()
                if lines:
                    return lines[-count:]
        return []

    def reports(self):
        """Texts of the sanitizers."""
        texts = []
        for name in glob.glob(self.path("asan*")) + glob.glob(self.path("ubsan*")):
            with open(name, encoding="utf-8", errors="replace") as f:
                texts.append(f.read())
        return texts


class Flow:
    """One line of a cache listing."""

    LINE = re.compile(r"(?P<proto>\w+) +(?P<num>\d+) (?:\d+ )?(?:(?P<state>[A-Z_0-9]+) )?"
                      r"(?P<orig>src=\S+ dst=\S+(?: (?:sport|dport|type|code|id|srckey|dstkey)"
                      r"=\S+)*)(?P<rest>.*)$")

    def __init__(self, line):
        found = self.LINE.match(line)
        if not found:
            raise AssertionError(f"not a flow line: {line!r}")
        self.line = line
        self.proto, self.state, self.rest = found["proto"], found["state"], found["rest"]
        self.orig = found["orig"]
        self.key = (self.proto, self.orig)
        self.assured = "[ASSURED]" in self.rest

    def __repr__(self):
        return self.line
