#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A pair of which one node runs the reference daemon: the middle of an upgrade."""
import sys

from harness import main, test
from scenario import survive


@test()
def interop_primary_ours(ctx):
    """FT-FW: ours dies, the reference daemon takes over what we sent."""
    with ctx.lab() as lab:
        survive(ctx, lab, binaries=(ctx.ctd, ctx.reference), mode="FTFW")


@test()
def interop_backup_ours(ctx):
    """FT-FW: the reference daemon dies, ours takes over what it sent."""
    with ctx.lab() as lab:
        survive(ctx, lab, binaries=(ctx.reference, ctx.ctd), mode="FTFW")


@test()
def interop_notrack_primary_ours(ctx):
    with ctx.lab() as lab:
        survive(ctx, lab, binaries=(ctx.ctd, ctx.reference), mode="NOTRACK")


@test()
def interop_notrack_backup_ours(ctx):
    with ctx.lab() as lab:
        survive(ctx, lab, binaries=(ctx.reference, ctx.ctd), mode="NOTRACK")


def over(ctx, transport, binaries, mode="FTFW"):
    """The same over another kind of link."""
    with ctx.lab() as lab:
        survive(ctx, lab, binaries=binaries, mode=mode, transport=transport)


@test()
def interop_alarm_primary_ours(ctx):
    over(ctx, "udp4", (ctx.ctd, ctx.reference), "ALARM")


@test()
def interop_alarm_backup_ours(ctx):
    over(ctx, "udp4", (ctx.reference, ctx.ctd), "ALARM")


@test()
def interop_mcast4_primary_ours(ctx):
    over(ctx, "mcast4", (ctx.ctd, ctx.reference))


@test()
def interop_mcast4_backup_ours(ctx):
    over(ctx, "mcast4", (ctx.reference, ctx.ctd))


@test()
def interop_mcast6_primary_ours(ctx):
    over(ctx, "mcast6", (ctx.ctd, ctx.reference))


@test()
def interop_mcast6_backup_ours(ctx):
    over(ctx, "mcast6", (ctx.reference, ctx.ctd))


@test()
def interop_tcp_primary_ours(ctx):
    over(ctx, "tcp4", (ctx.ctd, ctx.reference))


@test()
def interop_tcp_backup_ours(ctx):
    over(ctx, "tcp4", (ctx.reference, ctx.ctd))


@test()
def interop_tcp_notrack_primary_ours(ctx):
    over(ctx, "tcp4", (ctx.ctd, ctx.reference), "NOTRACK")


@test()
def interop_tcp_notrack_backup_ours(ctx):
    over(ctx, "tcp4", (ctx.reference, ctx.ctd), "NOTRACK")


if __name__ == "__main__":
    sys.exit(main())
