#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The primary loses its power under live traffic; the backup takes over.

Every one of 20 connections and 12 downloads through source NAT must go on. The
rules let no packet in the middle of a connection start a new one, so what goes
on does so thanks to the daemon; `failover_none` shows that.

With TCPWindowTracking on the kernel judges sequence numbers again, beginning
with the first packets it happens to see. When acknowledgements were lost in the
meantime those of 1.4.7 stall now and then, the more the longer the gap.
"""
import sys

from harness import main, test
from lab import SERVER6
from netns import TimedOut
from scenario import (BULK, ECHO, all_survive, fail_over, start_pair, survive, wait_full_flow)


@test()
def failover_none(ctx):
    """Without daemon everything dies: the rules are strict enough."""
    with ctx.lab() as lab:
        traffic = lab.traffic(ECHO, BULK)
        wait_full_flow(traffic)
        report, _ = fail_over(lab, traffic, commands=(), recovery=3)
        assert report.moving() == 0, "connections survive without state"


@test()
def failover_ftfw(ctx):
    with ctx.lab() as lab:
        survive(ctx, lab, mode="FTFW", window=False)


@test()
def failover_ftfw_window(ctx):
    with ctx.lab() as lab:
        survive(ctx, lab, mode="FTFW", window=True)


@test()
def failover_ftfw_window_late(ctx):
    with ctx.lab() as lab:
        survive(ctx, lab, mode="FTFW", window=True, gap=0.5)


@test()
def failover_notrack(ctx):
    with ctx.lab() as lab:
        survive(ctx, lab, mode="NOTRACK", window=False)


@test()
def failover_notrack_window(ctx):
    with ctx.lab() as lab:
        survive(ctx, lab, mode="NOTRACK", window=True)


@test()
def failover_alarm(ctx):
    with ctx.lab() as lab:
        survive(ctx, lab, mode="ALARM", window=False)


@test()
def failover_ipv6(ctx):
    with ctx.lab() as lab:
        survive(ctx, lab, mode="FTFW", window=False, server=SERVER6)


def there_and_back(ctx, mode):
    """The old primary returns as a backup, fetches the state, and takes over again."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, mode=mode)
        traffic = lab.traffic(ECHO, BULK)
        wait_full_flow(traffic)
        lab.wait_in_step()
        report, _ = fail_over(lab, traffic)
        all_survive(lab, traffic, report)
        lab.revive(lab.a)
        lab.a.daemon.restart_after_power_loss()
        for word in ("-t", "-n"):
            lab.a.daemon.ok(word)
        lab.note(f"a in step again after {lab.wait_in_step(owner=lab.b, backup=lab.a):.2f} s")
        report, _ = fail_over(lab, traffic, old=lab.b, new=lab.a)
        all_survive(lab, traffic, report)


@test()
def failover_ftfw_and_back(ctx):
    there_and_back(ctx, "FTFW")


@test()
def failover_notrack_and_back(ctx):
    there_and_back(ctx, "NOTRACK")


@test(limit=120)
def failover_loss30(ctx):
    """FT-FW over a link that loses 30 % of the datagrams in each direction."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, mode="FTFW")
        for node in (lab.a, lab.b):
            node.loss(30)
        traffic = lab.traffic(ECHO, BULK, churn=50)
        wait_full_flow(traffic)
        traffic.calm()
        try:
            lab.note(f"in step after {lab.wait_in_step(30):.2f} s")
        except TimedOut as why:
            lab.note(why)
        report, _ = fail_over(lab, traffic)
        all_survive(lab, traffic, report)


if __name__ == "__main__":
    sys.exit(main())
