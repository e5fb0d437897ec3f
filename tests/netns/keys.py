#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Clauses of the configuration in a running daemon: what is read is also done."""
import os
import re
import stat
import sys
import time

from cluster import Cluster
from daemon import EVENT_BUFFER, EVENTS
from harness import main, test
from netns import wait_for
from reload import rewrite

GENERAL = "Syslog off"


def one(ctx, c, *changes, peer="10.99.0.9"):
    """A node whose peer is away, with other clauses; not started."""
    node = c.nodes["a"]
    away = type("Away", (), {"name": "z", "number": 9, "address": peer})
    node.configure(ctx.ctd, [away], named=False)
    for change in changes:
        rewrite(node, change)
    return node


def add(text):
    return (GENERAL, GENERAL + "\n" + text)


def said(node, words):
    return any(words in line for line in node.daemon.last_words(1000))


def event_buffer(node):
    return int(re.search(r"current buffer size \(in bytes\):\s+(\d+)", node.daemon.ok("-s", "runtime"))[1])


@test(limit=90)
def keys_scheduler(ctx):
    """Scheduling as configured; what the system refuses is a warning."""
    for text, policy, priority in (
            ("", os.SCHED_RR, 99), ("Scheduler { Type FIFO Priority 10 }", os.SCHED_FIFO, 10),
            ("Scheduler { Priority 10 }", os.SCHED_RR, 99),
            ("Scheduler { Type RR }", os.SCHED_OTHER, 0)):
        with Cluster(1, ctx.flowgen, ctx.note) as c:
            node = one(ctx, c, add(text))
            node.daemon.start()
            pid = node.daemon.proc.pid
            got = os.sched_getscheduler(pid), os.sched_getparam(pid).sched_priority
            refused = said(node, "scheduler configuration failed")
            assert got == (policy, priority) or refused, f"{text}: {got}"
            assert refused or policy != os.SCHED_OTHER, text
            c.stop()


@test(limit=60)
def keys_event_buffer(ctx):
    """The event buffer counts only if it may grow to that."""
    with Cluster(1, ctx.flowgen, ctx.note) as c:
        node = one(ctx, c)
        node.daemon.start()
        assert event_buffer(node) == EVENT_BUFFER, event_buffer(node)
        rewrite(node, (EVENTS, f"NetlinkBufferSize {EVENT_BUFFER}"))
        node.daemon.ok("-k")
        node.daemon.wait_end()
        node.daemon.start()
        with open("/proc/sys/net/core/rmem_default", encoding="ascii") as f:
            assert event_buffer(node) == int(f.read()), event_buffer(node)
        c.stop()


@test(limit=60)
def keys_start_words(ctx):
    """What the log says at the start of how events are read, in the words of 1.4.x."""
    size = f"netlink event socket buffer size has been set to {EVENT_BUFFER} bytes"
    reliable = "reliable ctnetlink event delivery is ENABLED."
    user, kernel = (f"using {where}-space event filtering" for where in ("user", "kernel"))
    with Cluster(1, ctx.flowgen, ctx.note) as c:
        node = one(ctx, c)
        node.daemon.start()
        assert said(node, size) and said(node, user), node.daemon.last_words()
        assert not said(node, kernel) and not said(node, reliable), node.daemon.last_words()
        node.daemon.ok("-k")
        node.daemon.wait_end()
        os.unlink(node.daemon.path("log"))
        rewrite(node, add("NetlinkEventsReliable on"), ("From Userspace", "From Kernelspace"))
        node.daemon.start()
        assert said(node, reliable) and said(node, kernel), node.daemon.last_words()
        assert not said(node, user), node.daemon.last_words()
        c.stop()


@test(limit=60)
def keys_link_buffers(ctx):
    """Buffers of the link, beyond what the system allows others."""
    link = "Interface sync0"
    with Cluster(1, ctx.flowgen, ctx.note) as c:
        node = one(ctx, c, (link, link + "\nRcvSocketBuffer 5000000\nSndSocketBuffer 6000000"))
        node.daemon.start()
        listing = node.ns.run(["ss", "-uanm"]).stdout
        assert "rb10000000" in listing and "tb12000000" in listing, listing
        c.stop()


@test(limit=60)
def keys_hash_limit(ctx):
    """A full cache refuses, counts and says so once a second at most; HashSize changes nothing."""
    with Cluster(1, ctx.flowgen, ctx.note) as c:
        node = one(ctx, c, ("HashLimit 65536", "HashLimit 100\nHashSize 1"))
        node.daemon.start()
        start = time.monotonic()
        c.create(node, 300)
        wait_for(lambda: re.search(r"created:\s+100\s+failed:\s+200\s", node.daemon.ok("-s")), 20,
                 "200 are refused")
        assert len(node.owned()) == 100
        told = sum("limit 100 entries" in x for x in node.daemon.last_words(1000))
        assert 1 <= told <= 1 + time.monotonic() - start, f"{told} lines"
        c.stop()


@test(limit=90)
def keys_commit_timeout(ctx):
    """CommitTimeout is what committed flows have left."""
    with Cluster(2, ctx.flowgen, ctx.note) as c:
        a, b = c.nodes["a"], c.nodes["b"]
        a.configure(ctx.ctd, [b])
        b.configure(ctx.ctd, [a])
        rewrite(b, ("Mode FTFW {", "Mode FTFW {\nCommitTimeout 77"))
        c.start()
        c.create(a, 20)
        wait_for(lambda: b.known() == a.owned(), 20, "in step")
        b.daemon.ok("-c")
        left = [int(line.split()[2]) for line in b.ns.run(["conntrack", "-L"]).stdout.splitlines()
                if line.startswith("tcp")]
        assert len(left) == 20 and all(60 < n <= 77 for n in left), left
        c.stop()


@test(limit=60)
def keys_files(ctx):
    """Log, lock and socket: names, permissions, appending; a path is taken from where we stand."""
    with Cluster(1, ctx.flowgen, ctx.note) as c:
        node = one(ctx, c)
        with open(node.daemon.path("log"), "w", encoding="ascii") as f:
            f.write("what was there\n")
        os.chmod(node.daemon.path("log"), 0o600)
        node.daemon.start()
        for suffix in ("log", "lock", "ctl"):
            mode = stat.S_IMODE(os.stat(node.daemon.path(suffix)).st_mode)
            assert mode == 0o600, f"{suffix}: {mode:o}"
        assert node.daemon.last_words(1000)[0] == "what was there"
        done = node.ns.run([ctx.ctd, "-C", os.path.basename(node.daemon.path("conf")), "-s"],
                           cwd=c.folder)
        assert done.returncode == 0, done.stderr
        c.stop()


@test(limit=60)
def keys_default_socket(ctx):
    """Without UNIX Path there is a socket that clients find (the reference has none)."""
    with Cluster(1, ctx.flowgen, ctx.note) as c:
        node = one(ctx, c)
        done = node.ns.run([ctx.ctd, "check", "--print", "-C", node.daemon.path("conf")])
        assert f"Path {node.daemon.path('ctl')}" in done.stdout
        rewrite(node, ("UNIX {", ""), (f"Path {node.daemon.path('ctl')}\n    }}", ""))
        done = node.ns.run([ctx.ctd, "check", "--print", "-C", node.daemon.path("conf")])
        assert "Path /var/run/conntrackd.ctl" in done.stdout, done.stdout


@test(limit=60)
def keys_bad_files(ctx):
    """Whatever cannot be read ends with status 1, for daemon and client alike, with one line."""
    with Cluster(1, ctx.flowgen, ctx.note) as c:
        node = one(ctx, c)
        for path in (c.folder, os.path.join(c.folder, "none")):
            for args in ([], ["-s"]):
                done = node.ns.run([ctx.ctd, "-C", path] + args)
                assert done.returncode == 1, f"{path} {args}: {done.returncode}"
                assert done.stderr.count("[ERROR]") == 1 and not done.stdout, done
        rewrite(node, ("HashLimit 65536", "HashLimit x HashLimit y"))
        done = node.ns.run([ctx.ctd, "-C", node.daemon.path("conf"), "-s"])
        assert done.returncode == 1 and done.stderr.count("[ERROR]") == 1, done
        assert re.match(r"\[\w{3} \w{3} [ \d]\d [\d:]{8} \d{4}\] \(pid=\d+\) \[ERROR\] ", done.stderr)


@test(limit=60)
def keys_warnings(ctx):
    """A warning goes to stderr at each call, never among what a script reads."""
    with Cluster(1, ctx.flowgen, ctx.note) as c:
        node = one(ctx, c, add("Nice -1"))
        node.daemon.start()
        result = node.daemon.ctl("-s")
        assert result.code == 0 and "[warning]" in result.err and "warning" not in result.out, result
        c.stop()


@test(limit=60)
def keys_start_fails(ctx):
    """What the start needs and is not there: status 1 and a line that says what."""
    with Cluster(1, ctx.flowgen, ctx.note) as c:
        for change, words in ((("Interface sync0", "Interface nosuch"), "o such device"),
                              (("10.99.0.1", "10.77.0.1"), "assign requested address"),
                              (("Interface sync0", ""), "needs an Interface"),
                              (("IPv4_Destination_Address 10.99.0.9", ""), "Destination"),
                              (("Port 3780", ""), "needs a Port")):
            node = one(ctx, c, change)
            done = node.ns.run([ctx.ctd, "-C", node.daemon.path("conf")])
            assert done.returncode == 1, f"{change}: {done.returncode}"
            assert words in done.stdout + done.stderr, f"{change}: {done.stdout}{done.stderr}"


@test(limit=60)
def keys_tcp_peer_away(ctx):
    """A TCP peer that is not there, or has no route, is tried again (FIX)."""
    for peer in ("10.99.0.9", "203.0.113.9"):
        with Cluster(1, ctx.flowgen, ctx.note) as c:
            node = one(ctx, c, ("UDP {", "TCP {"), peer=peer)
            node.daemon.start()
            assert node.daemon.ok("-s", "link"), "it runs"
            c.stop()


@test(limit=60)
def keys_only_general(ctx):
    """A file without sections that do something: a daemon that answers."""
    with Cluster(1, ctx.flowgen, ctx.note) as c:
        node = one(ctx, c)
        with open(node.daemon.path("conf"), encoding="ascii") as f:
            text = f.read()
        with open(node.daemon.path("conf"), "w", encoding="ascii") as f:
            f.write(text[text.index("General {"):])
        node.daemon.start()
        for args in (("-s",), ("-i",), ("-e",), ("-c",), ("-B",)):
            assert node.daemon.ok(*args) == "", args
        assert node.daemon.ok("-s", "runtime")
        c.stop()


@test(limit=60)
def keys_helper(ctx):
    """A Helper section beside Sync does not keep the daemon from starting."""
    with Cluster(1, ctx.flowgen, ctx.note) as c:
        node = one(ctx, c)
        with open(node.daemon.path("conf"), "a", encoding="ascii") as f:
            f.write("Helper { Type rpc inet tcp { QueueNum 3\nPolicy rpc { ExpectMax 1 ExpectTimeout 300 } }\n"
                    "Type tns inet tcp { QueueNum 5 } }\n")
        node.daemon.start()
        with open(node.daemon.path("out"), encoding="utf-8") as f:
            warnings = [x for x in f if "helpers in user space" in x]
        assert len(warnings) == 1, warnings
        c.stop()


if __name__ == "__main__":
    sys.exit(main())
