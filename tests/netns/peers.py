#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Several nodes, each a peer of the others: any of them may crash and come back.

Each owns flows. A node that was killed and started again must know those of all
others within five seconds (in the median: the machine may pause), and they its own,
and nobody anything that has ended, although flows came and went meanwhile.
"""
import signal
import statistics
import sys

from cluster import Cluster
from harness import main, test

FLOWS = 1000
CHANGES = 100
BACK_IN_STEP = 5        # seconds
PATIENCE = 20           # seconds


def cluster(ctx, count):
    return Cluster(count, ctx.flowgen, ctx.note)


def full_mesh(ctx, c, **how):
    """Every node has every other one as a peer, and flows; all is in step."""
    for node in c.nodes.values():
        node.configure(ctx.ctd, [p for p in c.nodes.values() if p is not node], **how)
    settle(c)


def settle(c):
    c.start()
    for node in c.nodes.values():
        c.create(node, FLOWS)
    c.note(f"in step after {c.wait_in_step(PATIENCE):.2f} s")


def crash_each(c):
    """Kill and restart one after the other, with changes everywhere in between."""
    took = []
    for node in c.nodes.values():
        node.daemon.crash()
        for other in c.nodes.values():
            c.create(other, CHANGES)
            c.delete(other, CHANGES // 2)
        node.daemon.restart_after_power_loss()
        took.append(c.wait_in_step(PATIENCE))
        c.note(f"{node.name} crashed, in step {took[-1]:.2f} s after it was back")
    assert statistics.median(took) <= BACK_IN_STEP, took


@test(limit=120)
def three_nodes(ctx):
    """All links use one port."""
    with cluster(ctx, 3) as c:
        full_mesh(ctx, c)
        crash_each(c)
        c.stop()


@test(limit=120)
def three_nodes_tcp(ctx):
    """Each node listens on one port for both others."""
    with cluster(ctx, 3) as c:
        full_mesh(ctx, c, kind="TCP")
        crash_each(c)
        c.stop()


@test(limit=120)
def four_nodes(ctx):
    """Each pair of nodes has a port of its own."""
    with cluster(ctx, 4) as c:
        full_mesh(ctx, c, own_ports=True)
        crash_each(c)
        c.stop()


@test(limit=120)
def three_nodes_debian(ctx):
    """c runs the reference daemon, whose only peer is a; b and a are ours."""
    with cluster(ctx, 3) as c:
        a, b, ref = c.nodes.values()
        a.configure(ctx.ctd, [b, ref])
        b.configure(ctx.ctd, [a])
        ref.configure(ctx.reference, [a], named=False)
        settle(c)
        crash_each(c)


@test()
def dead_peer(ctx):
    """Two nodes go on with each other while the third is away for good."""
    with cluster(ctx, 3) as c:
        full_mesh(ctx, c)
        a, b, gone = c.nodes.values()
        gone.daemon.crash()
        a.peers, b.peers = [b], [a]
        del c.nodes[gone.name]
        for _ in range(5):
            c.create(a, FLOWS)
            c.create(b, FLOWS)
        c.note(f"in step after {c.wait_in_step(PATIENCE):.2f} s")
        c.stop()


@test()
def one_peer_at_a_time(ctx):
    """Commands with --peer, and without."""
    with cluster(ctx, 3) as c:
        full_mesh(ctx, c)
        a, b, third = c.nodes.values()
        assert a.known() == b.owned() | third.owned()
        a.daemon.ok("-f", "external", "--peer", "b")
        assert a.known() == third.owned(), "-f external --peer b"
        a.daemon.ok("--peer", "c", "-c")
        assert len(a.owned()) == 2 * FLOWS, "-c --peer c"
        a.daemon.ok("-n", "--peer", "b")
        c.note(f"b asked for its flows: {len(a.known('--peer', 'b'))} of {FLOWS} known at once")
        for report in ("ct", "network", "cache", "link", "queue", "rsqueue", "runtime"):
            assert a.daemon.ok("-s", report, "--peer", "b"), f"-s {report} says nothing"
        summary = a.daemon.ok("-s")
        assert "peer=b):" in summary and "peer=c):" in summary, summary
        summary = a.daemon.ok("-s", "--peer", "c")
        assert "peer=b" not in summary and "peer=c):" in summary, summary
        for words in (("-e",), ("-c",), ("-f", "external"), ("-s",), ("-B",), ("-n",)):
            result = a.daemon.ctl(*words, "--peer", "x")
            assert result.code == 1 and "no peer `x', there are b, c" in result.err, result
            assert not result.out, result
        a.daemon.proc.send_signal(signal.SIGTERM)
        assert a.daemon.wait_end() == 0


if __name__ == "__main__":
    sys.exit(main())
