#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Two dedicated links: one fails in the middle of the traffic, then the primary does.

Besides sync0 the nodes share sync1. Short connections come and go while the link
fails, so whatever gets lost on it shows when both views are compared.
"""
import re
import sys
import time

from daemon import PORT, link_clauses
from harness import main, test
from netns import wait_for
from scenario import BULK, ECHO, all_survive, fail_over, wait_connected, wait_full_flow

CHURN = 50
SECOND = """
table inet second {
    chain sync_in { type filter hook prerouting priority raw; iifname "sync1" notrack; }
    chain sync_out { type filter hook output priority raw; oifname "sync1" notrack; }
}
add rule inet fw local iifname "sync1" accept
"""
# Both directions of sync0, while its carrier stays up.
SILENCE = """
table inet silence {
    chain sync { type filter hook prerouting priority -310; iifname "sync0" drop; }
}
"""


class SecondLink:
    """The addresses of a node on it."""

    def __init__(self, node):
        self.sync4, self.sync6 = node.sync4.replace("10.99.", "10.98."), None


def add_second_link(lab):
    lab.ns["sw"].ip(f"link add sync1 index 914 netns {lab.name}-a type veth "
                    f"peer name sync1 netns {lab.name}-b")
    for node in (lab.a, lab.b):
        node.ns.ip(f"address add {SecondLink(node).sync4}/24 dev sync1", "link set sync1 up")
        node.ns.nft(SECOND)


def start_pair(lab, transport, binaries, **config):
    """Both daemons with two links; the first block is the default."""
    for node, peer, binary in ((lab.a, lab.b, binaries[0]), (lab.b, lab.a, binaries[1])):
        second = "}\n" + link_clauses(transport, SecondLink(node), SecondLink(peer),
                                      device="sync1", port=PORT + 1)
        node.daemon.configure(binary, transport=transport, link_extra=second,
                              **config).start(wait=False)
    for node in (lab.a, lab.b):
        node.daemon.wait_up()


def active(node):
    """The device `-s link` calls active."""
    found = re.findall(r"device=(\S+) status=\S+ role=ACTIVE", node.daemon.ok("-s", "link"))
    assert len(found) == 1, f"{node.name}: active links {found}"
    return found[0]


def status(node, device):
    """What `-s link` calls the state of its interface."""
    return re.search(rf"device={device} status=(\S+)", node.daemon.ok("-s", "link"))[1]


def wait_active(lab, device, timeout, nodes=None):
    start = time.monotonic()
    for node in nodes or (lab.a, lab.b):
        wait_for(lambda n=node: active(n) == device, timeout, f"{node.name} uses {device}", 0.05)
    return time.monotonic() - start


def busy_pair(ctx, lab, transport, binaries=None, **config):
    add_second_link(lab)
    start_pair(lab, transport, binaries or (ctx.ctd, ctx.ctd), **config)
    wait_active(lab, "sync0", 10)
    if transport.startswith("tcp"):
        wait_connected(lab)
    traffic = lab.traffic(ECHO, BULK, churn=CHURN)
    wait_full_flow(traffic)
    return traffic


def primary_dies(lab, traffic):
    """The rest of the story: both views agree, and with them the backup takes over."""
    traffic.calm()
    lab.note(f"in step after {lab.wait_in_step():.2f} s")
    lab.a.ns.ip("link set sync1 down")
    report, _ = fail_over(lab, traffic)
    all_survive(lab, traffic, report)
    traffic.stop()


def one_link_fails(ctx, transport, binaries=None, **config):
    with ctx.lab() as lab:
        traffic = busy_pair(ctx, lab, transport, binaries, **config)
        lab.a.ns.ip("link set sync0 down")
        lab.note(f"both on sync1 after {wait_active(lab, 'sync1', 5):.2f} s")
        time.sleep(1)           # of connections that only sync1 can have told about
        primary_dies(lab, traffic)


@test(limit=90)
def redundant_links(ctx):
    one_link_fails(ctx, "udp4")


@test(limit=90)
def redundant_links_mcast(ctx):
    one_link_fails(ctx, "mcast4")


@test(limit=90)
def redundant_links_tcp(ctx):
    one_link_fails(ctx, "tcp4")


@test(limit=90)
def redundant_links_named_peer(ctx):
    """In a Peer block, whose other end has them without one."""
    with ctx.lab() as lab:
        traffic = busy_pair(ctx, lab, "udp4", named=True)
        lab.b.ns.ip("link set sync0 down")
        lab.note(f"both on sync1 after {wait_active(lab, 'sync1', 5):.2f} s")
        assert "role=ACTIVE peer=b:" in lab.a.daemon.ok("-s", "link", "--peer", "b")
        primary_dies(lab, traffic)


def with_reference(ctx, transport, ours_first):
    one_link_fails(ctx, transport, (ctx.ctd, ctx.reference) if ours_first else
                   (ctx.reference, ctx.ctd))


@test(limit=90)
def redundant_links_primary_ours(ctx):
    with_reference(ctx, "udp4", True)


@test(limit=90)
def redundant_links_backup_ours(ctx):
    with_reference(ctx, "udp4", False)


@test(limit=90)
def redundant_links_mcast_primary_ours(ctx):
    with_reference(ctx, "mcast4", True)


@test(limit=90)
def redundant_links_mcast_backup_ours(ctx):
    with_reference(ctx, "mcast4", False)


@test(limit=90)
def redundant_links_tcp_primary_ours(ctx):
    with_reference(ctx, "tcp4", True)


@test(limit=90)
def redundant_links_tcp_backup_ours(ctx):
    with_reference(ctx, "tcp4", False)


def one_link_is_silent(ctx, transport):
    """The interfaces run, but nothing gets through."""
    with ctx.lab() as lab:
        traffic = busy_pair(ctx, lab, transport)
        for node in (lab.a, lab.b):
            node.ns.nft(SILENCE)
        lab.note(f"both on sync1 after {wait_active(lab, 'sync1', 8):.2f} s")
        primary_dies(lab, traffic)


@test(limit=90)
def redundant_links_silent(ctx):
    one_link_is_silent(ctx, "udp4")


@test(limit=90)
def redundant_links_silent_tcp(ctx):
    one_link_is_silent(ctx, "tcp4")


def the_link_returns(ctx, transport, binaries=None, **config):
    """A link that is back is used again, without loss, and then the other one may fail.

    A 1.4.7 may overlook that it is back: as long as it runs, that one sends over the other.
    """
    with ctx.lab() as lab:
        traffic = busy_pair(ctx, lab, transport, binaries, **config)
        lab.a.ns.ip("link set sync0 down")
        wait_active(lab, "sync1", 5)
        ours = [node for node in (lab.a, lab.b) if node.daemon.binary == ctx.ctd]
        for node in ours:       # the peer may have led it there before it saw the failure
            wait_for(lambda n=node: status(n, "sync0") != "RUNNING", 5, "the failure is seen")
        lab.a.ns.ip("link set sync0 up")
        lab.note(f"back on sync0 after {wait_active(lab, 'sync0', 40, ours):.2f} s")
        lab.a.ns.ip("link set sync1 down")
        time.sleep(1)
        wait_active(lab, "sync0", 5)
        primary_dies(lab, traffic)


@test(limit=90)
def redundant_links_return(ctx):
    the_link_returns(ctx, "udp4")


@test(limit=90)
def redundant_links_return_notrack(ctx):
    the_link_returns(ctx, "udp4", mode="NOTRACK")


@test(limit=90)
def redundant_links_return_tcp(ctx):
    the_link_returns(ctx, "tcp4")


@test(limit=90)
def redundant_links_return_primary_ours(ctx):
    the_link_returns(ctx, "udp4", (ctx.ctd, ctx.reference))


@test(limit=90)
def redundant_links_return_backup_ours(ctx):
    the_link_returns(ctx, "udp4", (ctx.reference, ctx.ctd))


@test(limit=90)
def redundant_links_return_notrack_primary_ours(ctx):
    the_link_returns(ctx, "udp4", (ctx.ctd, ctx.reference), mode="NOTRACK")


@test(limit=90)
def link_made_anew(ctx):
    """The interface is removed and made again, with IPv6 and its scope: the link comes back."""
    with ctx.lab() as lab:
        for node in (lab.a, lab.b):
            node.daemon.configure(ctx.ctd, transport="tcp6").start()
        lab.a.ns.ip("link delete sync0")
        wait_for(lambda: "status=DOWN" in lab.a.daemon.ok("-s", "link"), 5, "the link is down")
        lab.ns["sw"].ip(f"link add sync0 index 915 netns {lab.name}-a type veth "
                        f"peer name sync0 netns {lab.name}-b")
        for node in (lab.a, lab.b):
            node.ns.ip(f"address add {node.sync6}/64 dev sync0 nodad", "link set sync0 up")
        wait_connected(lab)
        traffic = lab.traffic(ECHO, 0)
        traffic.wait_up()
        lab.wait_in_step()
        traffic.stop()


if __name__ == "__main__":
    sys.exit(main())
