#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A running daemon goes on with another configuration: nothing is lost on the way.

What a reload may not do is said here too: a session that begins anew shows as a
bulk or a resync in the logs, a lost event as a difference between caches.
"""
import re
import signal
import subprocess
import sys

from cluster import Cluster
from harness import main, test
from netns import wait_for

DONE, REFUSED = "configuration read again", "reload refused"
ANEW = ("sending bulk update", "resync requested", "resync with master", "lost events")
ASKS_NOT = ("StartupResync on", "")     # at a start more than once, which looks like trouble
RELOADS = 20
PORT = "Port 3780\n            Interface sync0"


def log_count(node, *words):
    return sum(any(w in line for w in words) for line in node.daemon.last_words(100000))


def rewrite(node, *changes):
    """Replace text in the configuration; each must be there."""
    with open(node.daemon.path("conf"), encoding="ascii") as f:
        text = f.read()
    for old, new in changes:
        assert old in text, f"{old!r} is not in the configuration"
        text = text.replace(old, new)
    with open(node.daemon.path("conf"), "w", encoding="ascii") as f:
        f.write(text)


def reload(node, refused=False):
    """The command, its answer and its exit status."""
    result = node.daemon.ctl("reload")
    assert result.code == (1 if refused else 0), result
    assert refused or DONE in result.out, result
    return result.err


def hang_up(node):
    """The signal; what the log says of it."""
    before = log_count(node, REFUSED), log_count(node, DONE)
    node.daemon.proc.send_signal(signal.SIGHUP)
    wait_for(lambda: (log_count(node, REFUSED), log_count(node, DONE)) != before, 20,
             "an answer to the reload")
    assert log_count(node, DONE) > before[1], "refused"


def in_step(c, timeout=30):
    c.note(f"in step after {c.wait_in_step(timeout):.2f} s")


def pair(ctx, c):
    a, b = c.nodes["a"], c.nodes["b"]
    a.configure(ctx.ctd, [b])
    b.configure(ctx.ctd, [a])
    for node in (a, b):
        rewrite(node, ASKS_NOT)
    c.start()
    return a, b


@test(limit=180)
def reload_under_load(ctx):
    """Twenty times at 10,000 events a second: no event lost, no session begun anew."""
    with Cluster(2, ctx.flowgen, ctx.note) as c:
        a, b = pair(ctx, c)
        rewrite(a, ("HashLimit 65536", "HashLimit 300000"))
        rewrite(b, ("HashLimit 65536", "HashLimit 300000"))
        reload(a)
        reload(b)
        c.create(a, 100)
        in_step(c)
        anew = log_count(a, *ANEW) + log_count(b, *ANEW)
        load = c.generate(a, "create", 80000, 10000)
        limits = ["HashLimit 300000", "HashLimit 310000"]
        for i in range(RELOADS):
            rewrite(a, (limits[i % 2], limits[1 - i % 2]))
            (reload if i % 2 else hang_up)(a)
            if i % 4 == 0:
                reload(b)
        c.note(f"load {'still runs' if load.poll() is None else 'has ended'} after the last reload")
        assert load.wait(60) == 0
        a.next += 80000
        in_step(c)
        assert log_count(a, *ANEW) + log_count(b, *ANEW) == anew, "a session began anew"
        c.stop()


@test(limit=90)
def reload_filter(ctx):
    """Flows that are ignored now go everywhere; when they are no longer, they come back."""
    ignore = "IPv4_address 10.99.0.0/24"
    with Cluster(2, ctx.flowgen, ctx.note) as c:
        a, b = pair(ctx, c)
        c.create(a, 200)
        in_step(c)
        every = ignore + "\nIPv4_address 0.0.0.0/0"
        rewrite(a, (ignore, every))
        reload(a)
        wait_for(lambda: not a.owned() and not b.known(), 20, "ignored flows are gone")
        rewrite(a, (every, ignore))
        reload(a)
        in_step(c)
        c.stop()


def peers_come_and_go(ctx, kind):
    """A peer comes, the links of another change, one goes; the others notice nothing."""
    with Cluster(3, ctx.flowgen, ctx.note) as c:
        a, b, d = (c.nodes[n] for n in "abc")

        def configure(node, *peers):
            node.configure(ctx.ctd, peers, kind=kind)
            rewrite(node, ASKS_NOT)
        configure(a, b)
        configure(b, a)
        d.configure(ctx.ctd, [a], kind=kind)
        c.start()
        c.create(a, 300)
        c.create(b, 100)
        wait_for(lambda: b.known() == a.owned(), 20, "b in step")
        wait_for(lambda: a.known() == b.owned(), 20, "a in step")
        anew = log_count(b, *ANEW)
        c.create(a, 50)
        configure(a, d, b)
        reload(a)
        wait_for(lambda: b.known() == a.owned() == d.known(), 20, "both in step")
        wait_for(lambda: len(a.known("--peer", "b")) == 100, 20, "b's flows are still there")
        assert log_count(b, *ANEW) == anew, "the session with b began anew"
        rewrite(a, ("Interface sync0", "Interface sync0\nRcvSocketBuffer 1048576"))
        c.create(a, 50)
        reload(a)
        c.create(a, 50)
        wait_for(lambda: b.known() == a.owned() == d.known(), 20, "in step over other sockets")
        configure(a, d)
        reload(a)
        c.create(a, 50)
        wait_for(lambda: d.known() == a.owned(), 20, "the one that stays is in step")
        assert not a.known(), "the flows of the one that went are gone"
        c.stop()


@test(limit=120)
def reload_peers(ctx):
    peers_come_and_go(ctx, "UDP")


@test(limit=120)
def reload_peers_tcp(ctx):
    """The peers share a listener, which stays whoever goes."""
    peers_come_and_go(ctx, "TCP")


def sockets(node):
    """The sockets of its links, with their numbers: one that was opened anew has another."""
    listing = node.ns.run(["ss", "-Htuanep"]).stdout
    return {re.search(r"ino:\d+", line).group() for line in listing.splitlines()
            if f"pid={node.daemon.proc.pid}," in line}


@test(limit=90)
def reload_refused(ctx):
    """What cannot change is refused with the reason, and all goes on as before."""
    with Cluster(2, ctx.flowgen, ctx.note) as c:
        a, b = pair(ctx, c)
        c.create(a, 100)
        in_step(c)
        before = sockets(a)
        assert len(before) == 2, before
        for old, new, reason in (
                ("Mode FTFW", "Mode NOTRACK", "Mode cannot change"),
                (a.daemon.path("lock"), a.daemon.path("lock2"), "LockFile cannot change"),
                ("HashLimit 65536", "HashLimit many", "HashLimit takes a number"),
                ("Interface sync0", "Interface sync9", "links: No such device"),
                ("IPv4_address 10.99.0.1\n", "IPv4_address 10.77.0.1\n", "links: Cannot assign"),
                (PORT, PORT.replace("3780", "3790").replace("sync0", "sync9"),
                 "links: No such device"),
                (a.daemon.path("log"), "/no/such/folder/log", "log file: No such file")):
            rewrite(a, (old, new))
            text = reload(a, refused=True)
            assert reason in text, f"{reason!r} is not in: {text}"
            if REFUSED not in text:     # the client could not read the file either
                a.daemon.proc.send_signal(signal.SIGHUP)
            wait_for(lambda: reason in "".join(a.daemon.last_words(5)), 20, "the log says why")
            assert sockets(a) == before, f"{reason}: the links were opened anew"
            rewrite(a, (new, old))
            c.create(a, 10)
            in_step(c)
        reload(a)
        in_step(c)
        c.stop()
        assert a.daemon.ctl("reload").code == 1, "nobody is there"


@test(limit=60)
def reload_log(ctx):
    """Another log file, another level."""
    with Cluster(2, ctx.flowgen, ctx.note) as c:
        a, _ = pair(ctx, c)
        rewrite(a, ("Syslog off", "Syslog off\nLogLevel warning"))
        a.daemon.proc.send_signal(signal.SIGHUP)
        a.daemon.ok("-s")
        a.daemon.ok("-R")
        subprocess.run(["mv", a.daemon.path("log"), a.daemon.path("log.1")], check=True)
        rewrite(a, ("LogLevel warning", "LogLevel info"))
        a.daemon.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: log_count(a, DONE) == 1, 20, "a new file after rotation")
        assert log_count(a, "resync with master") == 0, "the level hid nothing"
        c.stop()


if __name__ == "__main__":
    sys.exit(main())
