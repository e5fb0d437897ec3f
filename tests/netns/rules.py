#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What scripts of existing installations rely on, whatever the mode: doc/compatibility.md."""
import os
import re
import socket
import sys

from commands import LISTINGS, SILENT, Failures, log_has
from harness import ROOT, main, test
from lab import SERVER4
from netns import wait_for
from programs import HELPERS, FtpServer, FtpSession
from scenario import begin_commit, keys, one_of_each, start_pair
from tables import fill

REPORTS = tuple(("-s", word) for word in ("ct", "expect", "network", "cache", "runtime", "link",
                                          "rsqueue", "queue", "process")) + (("-s",),)
EXPECTS = (("-i", "expect"), ("-e", "expect"), ("-i", "expect", "-x"), ("-c", "exp"),
           ("-R", "exp"), ("-F", "exp"))
ALL = LISTINGS + REPORTS + EXPECTS + SILENT
SCRIPT = os.path.join(ROOT, "configs", "keepalived", "notify.sh")


def without_sync(node):
    """Leave General only in the configuration."""
    name = node.daemon.path("conf")
    with open(name, encoding="ascii") as f:
        text = f.read()
    with open(name, "w", encoding="ascii") as f:
        f.write(text[text.index("General {"):])


@test(limit=90)
def every_command_in_every_mode(ctx):
    """What a mode does not have is done by doing nothing: exit 0."""
    with ctx.lab() as lab, Failures() as wrong:
        for mode in ("FTFW", "NOTRACK", "ALARM", None):
            lab.a.daemon.configure(ctx.ctd, mode=mode or "FTFW")
            if not mode:
                without_sync(lab.a)
            lab.a.daemon.start()
            for args in ALL:
                result = lab.a.daemon.ctl(*args)
                wrong.check(result.code == 0 and not result.err, f"{mode} {args}: {result}")
                silent = args in SILENT or (not mode and args[-1] != "runtime")
                wrong.check(not silent or not result.out, f"{mode} {args}: {result.out}")
            status = lab.a.daemon.stop()
            assert status == 0, f"{mode}: the daemon ends with {status}"


@test()
def size_of_hash(ctx):
    """HashSize has no influence: -f works after -c, and -c commits expectations."""
    with ctx.lab() as lab:
        for node in (lab.a, lab.b):
            node.ns.nft(HELPERS)
        start_pair(lab, ctx.ctd, options="ExpectationSync On", general="HashSize 1024")
        FtpServer(lab)
        session = FtpSession(lab, SERVER4)
        session.announce()
        with one_of_each(lab) as expected:
            wait_for(lambda: expected <= keys(lab.b, "-e"), 20, "-e on b lists the flows")
            wait_for(lambda: lab.b.daemon.ok("-e", "expect"), 20, "the expectation")
            lab.b.daemon.ok("-c")
            assert lab.b.ns.run(["conntrack", "-L", "expect"]).stdout, "no expectation"
            lab.b.daemon.ok("-f", "external")
            assert not keys(lab.b, "-e") and not lab.b.daemon.ok("-e", "expect")
            lab.b.daemon.ok("-F")
            wait_for(lambda: not lab.b.ns.run(["conntrack", "-L", "expect"]).stdout, 20,
                     "-F reaches the expectations too")
            wait_for(lambda: not keys(lab.b, "-i"), 20, "-F empties the table")
        session.close()


@test(limit=150)
def refused_during_commit(ctx):
    """A commit is waited for; a second one and a flush meanwhile end at once, with 0."""
    count = ctx.flows(200000, least=100000)
    with ctx.lab(flows=2 * count) as lab:
        start_pair(lab, ctx.ctd, general=f"HashLimit {2 * count}\nHashSize {count}")
        fill(ctx, lab.a, count)

        def number():
            text = lab.b.daemon.ok("-s", "cache").split("cache:external")[1]
            return int(re.search(r"total entries:\s+(\d+)/", text)[1])

        def table():
            return int(lab.b.ns.run(["conntrack", "-C"]).stdout)

        def meanwhile():
            """Was the commit slower than all three?"""
            commit = begin_commit(lab.b)
            for args in (("-f",), ("-f", "external"), ("-c",)):
                lab.b.daemon.ok(*args)
            slower = commit.poll() is None
            assert commit.wait(60) == 0 and not commit.stdout.read()
            return slower
        for _ in range(5):
            wait_for(lambda: number() >= count and table() < count // 20, 60,
                     "the flows are in b's cache and not in its kernel")
            if meanwhile():
                break
            lab.b.daemon.ok("-F")
            lab.b.daemon.ok("-n", "--wait", "60")
        else:
            raise AssertionError("the commit is too quick for this test")
        assert table() >= count, "-c returned before the end"
        assert number() >= count, "a refused flush emptied the cache"
        for words in ("ignoring flush command, commit still in progress",
                      "commit already in progress, skipping"):
            assert log_has(lab.b, words), words


@test()
def silent_client(ctx):
    """Somebody connects and says nothing: events and commands go on (defect 6)."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd)
        with socket.socket(socket.AF_UNIX) as quiet:
            quiet.connect(lab.a.daemon.path("ctl"))
            with one_of_each(lab) as expected:
                wait_for(lambda: keys(lab.b, "-e") == expected, 20, "-e on b lists the flows")


@test(limit=90)
def notify_script(ctx):
    """The script a cluster manager calls, unchanged: each word exits 0, each step does its work."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd)

        def call(node, word):
            env = dict(os.environ, CONNTRACKD=ctx.ctd, CONFIG=node.daemon.path("conf"),
                       LOCKFILE=node.daemon.path("lock"), RUNDIR=node.daemon.path("run"))
            return node.ns.run(["sh", SCRIPT, word], env=env)

        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.b, "-e") == expected, 20, "-e on b lists the flows")
            for word in ("backup", "primary", "fault", "backup", "primary", "primary"):
                done = call(lab.b, word)
                assert done.returncode == 0, f"{word}: {done}"
            wait_for(lambda: keys(lab.b, "-i") == expected, 20, "the flows are b's own")
            assert call(lab.b, "stop").returncode == 1
            lab.b.daemon.crash()
            assert call(lab.b, "backup").returncode == 0, "a dead daemon is not started again"
            lab.b.daemon.ok("-s")
            lab.b.daemon.ok("-k")


@test()
def link_line(ctx):
    """TCP tells both connections in the words test suites wait for."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, transport="tcp4")
        wait_for(lambda: "server=connected client=connected" in lab.a.daemon.ok("-s", "network"),
                 20, "both connections")


if __name__ == "__main__":
    sys.exit(main())
