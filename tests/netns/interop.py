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


def over_tcp(ctx, binaries, mode):
    """The same over TCP: two connections, each written by the node that made it."""
    with ctx.lab() as lab:
        survive(ctx, lab, binaries=binaries, mode=mode, transport="tcp4")


@test()
def interop_tcp_primary_ours(ctx):
    over_tcp(ctx, (ctx.ctd, ctx.reference), "FTFW")


@test()
def interop_tcp_backup_ours(ctx):
    over_tcp(ctx, (ctx.reference, ctx.ctd), "FTFW")


@test()
def interop_tcp_notrack_primary_ours(ctx):
    over_tcp(ctx, (ctx.ctd, ctx.reference), "NOTRACK")


@test()
def interop_tcp_notrack_backup_ours(ctx):
    over_tcp(ctx, (ctx.reference, ctx.ctd), "NOTRACK")


if __name__ == "__main__":
    sys.exit(main())
