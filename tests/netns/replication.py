#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What passes a shows up on b: every kind of flow, over every kind of link."""
import sys

from harness import main, test
from lab import SERVER4
from netns import wait_for
from scenario import keys, one_of_each, start_pair


def shows_up(ctx, **config):
    """Whatever crosses a is listed by b, and goes when its flow goes."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, **config)
        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.a, "-i") == expected, 5, "-i on a lists the flows")
            wait_for(lambda: keys(lab.b, "-e") == expected, 10, "-e on b lists the flows", 0.05)
            assert not keys(lab.a, "-e") and not keys(lab.b, "-i"), "flows in the wrong cache"
            established = [f for f in lab.b.daemon.flows("-e") if f.proto == "tcp"]
            assert all(f.state == "ESTABLISHED" and f.assured for f in established), established
        lab.a.ns.run(["conntrack", "-D", "-p", "udp"])
        gone = {key for key in expected if key[0] == "udp" and SERVER4 in key[1]}
        if config.get("mode") != "ALARM":
            wait_for(lambda: not keys(lab.b, "-e") & gone, 10, "deleted flows leave b", 0.05)
        for node in (lab.a, lab.b):
            status = node.daemon.stop()
            assert status == 0, f"daemon {node.name} ends with {status}"


@test()
def replicate_ftfw(ctx):
    shows_up(ctx, mode="FTFW")


@test()
def replicate_notrack(ctx):
    shows_up(ctx, mode="NOTRACK")


@test()
def replicate_alarm(ctx):
    shows_up(ctx, mode="ALARM")


@test()
def replicate_udp6(ctx):
    shows_up(ctx, transport="udp6")


@test()
def replicate_mcast4(ctx):
    shows_up(ctx, transport="mcast4")


@test()
def replicate_mcast6(ctx):
    shows_up(ctx, transport="mcast6")


@test()
def replicate_tcp4(ctx):
    shows_up(ctx, transport="tcp4")


@test()
def replicate_tcp6(ctx):
    shows_up(ctx, transport="tcp6")


@test()
def late_backup(ctx):
    """A backup that starts later asks with -n and gets what was there before."""
    with ctx.lab() as lab:
        lab.a.daemon.configure(ctx.ctd).start()
        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.a, "-i") == expected, 5, "-i on a lists the flows")
            lab.b.daemon.configure(ctx.ctd).start()

            def asked():
                lab.b.daemon.ok("-n")
                return keys(lab.b, "-e") == expected
            wait_for(asked, 15, "-n brings all flows to b", 0.5)


if __name__ == "__main__":
    sys.exit(main())
