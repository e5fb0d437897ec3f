#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Statistics mode: one line for each flow that ends, and the commands that make sense then."""
import os
import sys

from daemon import Daemon
from harness import main, test
from lab import SERVER4
from netns import wait_for
from scenario import one_of_each
from traffic import udp_flow


def start_stats(lab, binary, name="stats", filter_clauses="", general=""):
    """A daemon on node a that only counts; returns it and the name of its log of flows."""
    folder = os.path.join(lab.folder, name)
    os.mkdir(folder)
    daemon = Daemon(lab.a, lab.b, folder)
    daemon.binary = binary
    log = daemon.path("flows")
    with open(daemon.path("conf"), "w", encoding="ascii") as f:
        f.write(f"Stats {{\nLogFile {log}\n}}\nGeneral {{\nHashSize 8192\nHashLimit 65535\n"
                f"LogFile {daemon.path('log')}\nLockFile {daemon.path('lock')}\n"
                f"UNIX {{\nPath {daemon.path('ctl')}\n}}\nNetlinkEventsReliable on\n{general}\n"
                f"Filter From Userspace {{\n{filter_clauses}\nAddress Ignore {{\n"
                "IPv4_address 127.0.0.1\nIPv6_address ::1\n}\n}\n}\n")
    return daemon.start(), log


def lines(log):
    """What is in the log, without the dates."""
    with open(log, encoding="ascii") as f:
        return [line.rstrip("\n").split("\t", 1)[1] for line in f]


def account(lab):
    lab.a.ns.sysctl(net__netfilter__nf_conntrack_acct=1,
                    net__netfilter__nf_conntrack_timestamp=1)


@test()
def stats_log_as_reference(ctx):
    """The same lines as the reference daemon writes beside us."""
    with ctx.lab() as lab:
        account(lab)
        ours, log = start_stats(lab, ctx.ctd)
        theirs, their_log = start_stats(lab, ctx.reference, "reference")
        with one_of_each(lab) as expected:
            wait_for(lambda: len(ours.flows("-i")) == len(expected), 10, "our cache is filled")
        lab.a.ns.run(["conntrack", "-F"])
        lab.a.ns.run(["conntrack", "-F", "-f", "ipv6"])
        wait_for(lambda: len(lines(log)) == len(lines(their_log)) == len(expected), 20,
                 "a line for each flow", 0.1)
        mine, other = sorted(lines(log)), sorted(lines(their_log))
        assert mine == other, "\n".join(["ours:", *mine, "theirs:", *other])
        assert all("packets=" in line and "delta-time=" in line for line in mine), mine
        assert ours.ok("-s") == theirs.ok("-s")
        for daemon in (ours, theirs):
            daemon.stop()


@test()
def stats_commands(ctx):
    """Which commands act, and that the others are told off by nobody."""
    with ctx.lab() as lab:
        account(lab)
        daemon, log = start_stats(lab, ctx.ctd)
        with one_of_each(lab) as expected:
            wait_for(lambda: {f.key for f in daemon.flows("-i")} == expected, 10, "-i lists them")
            assert daemon.ok("-i", "-x").count("<flow>") == len(expected)
            assert daemon.ok("-s").startswith("cache stats:\n"), daemon.ok("-s")
            assert "UDP traffic" not in daemon.ok("-s")
            assert daemon.ok("-s", "cache").startswith("cache:stats\t")
            for silent in (("-e",), ("-c",), ("-B",), ("-n",), ("-t",), ("-f", "external"),
                           ("-s", "network"), ("-s", "link"), ("-s", "queue"), ("-i", "expect"),
                           ("-s", "rsqueue"), ("-s", "expect"), ("-R", "expect")):
                assert daemon.ok(*silent) == "", silent
            assert len(daemon.flows("-i")) == len(expected)
            daemon.ok("-f")
            assert not daemon.flows("-i"), "-f left the cache as it was"
            daemon.ok("-R")
            assert {f.key for f in daemon.flows("-i")} == expected
            daemon.ok("-f", "internal")
            assert not daemon.flows("-i")
            assert not lines(log), "a flush of the cache ended flows"
            daemon.ok("-R")
        daemon.ok("-F")
        wait_for(lambda: len(lines(log)) == len(expected), 10, "the flush of the kernel is logged")
        assert "Pckts" in daemon.ok("-s") and "                   0 Pckts" not in daemon.ok("-s")
        assert daemon.stop() == 0


@test()
def stats_filter_and_rotation(ctx):
    """What the filter leaves out is not logged; a rotated log is opened anew."""
    with ctx.lab() as lab:
        daemon, log = start_stats(lab, ctx.ctd, filter_clauses="Protocol Accept {\nUDP\n}")
        with one_of_each(lab):
            wait_for(lambda: len(daemon.flows("-i")) == 2, 10, "the UDP flows are known")
        os.rename(log, log + ".1")
        daemon.proc.send_signal(1)
        wait_for(lambda: os.path.exists(log), 10, "a new log after SIGHUP")
        lab.a.ns.run(["conntrack", "-F"])
        wait_for(lambda: len(lines(log)) == 2, 10, "two lines in the new log")
        assert not lines(log + ".1")
        assert all(line.startswith("udp ") and "packets=" not in line for line in lines(log))
        # nothing is remembered of it
        udp_flow(lab, SERVER4, 4400)
        wait_for(lambda: len(daemon.flows("-i")) == 1, 10, "a new flow is known")
        assert daemon.stop() == 0


if __name__ == "__main__":
    sys.exit(main())
