#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every protocol, translated in every way, over IPv4 and IPv6, through a failover.

All connections are opened through the primary, then its power fails. The backup's rules let
nothing begin anew, so what goes on does so thanks to the injected state. The result is a table,
which must be the one in doc/coverage.md.
"""
import difflib
import json
import os
import re
import sys

import coverage_probes as probes
from harness import ROOT, main, test
from lab import CLIENT4, SERVER4
from netns import TimedOut, wait_for
from scenario import PRIMARY, start_pair
from tables import CACHES, active, ask
from traffic import tcp_flow

KINDS = ("none", "source", "destination", "both", "both, ports", "masquerade", "redirect")
NONE, SOURCE, DESTINATION, BOTH, PORTS, MASQUERADE, REDIRECT = range(len(KINDS))
PROTOCOLS = (
    ("TCP", probes.Tcp, probes.Tcp), ("UDP", probes.Udp, probes.Udp),
    ("UDPlite", probes.UdpLite, probes.UdpLite), ("SCTP", probes.Sctp, probes.Sctp),
    ("DCCP", probes.Dccp, probes.Dccp), ("GRE", probes.Gre, probes.Gre),
    ("ESP", probes.Esp, probes.Esp), ("ICMP", probes.Icmp, None), ("ICMPv6", None, probes.Icmp6),
)
WITH_PORTS = (probes.Tcp, probes.Udp, probes.UdpLite, probes.Sctp)
NEW_PORT = 7000         # a translated destination port
NEW_SOURCE = 8000
DOCUMENT = os.path.join(ROOT, "doc", "coverage.md")

# Why a cell is not complete. The letters are what it does have.
REASONS = (
    "The kernel knows no ports of this protocol, so there is none to translate.",
    "The connection ends in a socket of the firewall itself, and that is gone with it.",
)
TITLE = """# What survives a failover

Written by the test `coverage_table` (`tests/netns/coverage.py`), which opens all these connections through a pair,
takes the primary's power away, and compares with this file. "yes" means that the flow was replicated, was injected, and
that packets of the connection went on to pass in both directions, under rules that let no connection begin on the backup.
Other letters: R replicated, I injected.

"""
NOTES = """
Translations: of the source address, of the destination address, of both, of both with both ports (of the identifier
for ICMP), to the address of the interface, to the firewall itself. The kernel of this table has no tracker for DCCP
and treats it, as ESP, as a protocol without ports. GRE is without key, as in every tunnel but PPTP.

What is on the wire only between nodes that both are ours, so that these rows are shorter with a node of 1.4.x:
ports of UDPlite, translated identifiers of ICMP, keys of GRE (`doc/protocol.md`, extras).

A masqueraded flow is one with source translation after the failover: `masquerade` and `redirect` use the first address of an
interface, which must be one that moves with the role.

Not replicated, because no request to the kernel can set it: timeout policies (an injected flow has the timeouts of its
namespace), security marks, counters and timestamps.
"""


def addresses(kind, v6):
    """Client, what it addresses, server."""
    if v6:
        client, virtual, server = f"fd10::2{kind}", f"fd30::{kind}", f"fd20::3{kind}"
    else:
        client, virtual, server = f"10.10.0.2{kind}", f"10.30.0.{kind}", f"10.20.0.3{kind}"
    if kind == REDIRECT:
        server = "fd10::fe" if v6 else "10.10.0.254"
    return client, server if kind in (NONE, SOURCE, MASQUERADE) else virtual, server


def nat_rules():
    """The rules of both nodes."""
    pre, post = [], []
    ports = "meta l4proto { tcp, udp, udplite, sctp }"
    for v6, ip, out in ((False, "ip", "10.20.0.254"), (True, "ip6", "fd20::fe")):
        client = {kind: addresses(kind, v6)[0] for kind in range(len(KINDS))}
        server = {kind: addresses(kind, v6)[2] for kind in range(len(KINDS))}
        there = f"[{server[PORTS]}]:{NEW_PORT}" if v6 else f"{server[PORTS]}:{NEW_PORT}"
        here = f"[{out}]:{NEW_SOURCE}" if v6 else f"{out}:{NEW_SOURCE}"
        pre += [f"{ip} saddr {client[kind]} dnat {ip} to {server[kind]}"
                for kind in (DESTINATION, BOTH)]
        pre += [f"{ip} saddr {client[PORTS]} {ports} dnat {ip} to {there}",
                f"{ip} saddr {client[REDIRECT]} {ports} redirect to :{NEW_PORT}",
                f"{ip} saddr {client[REDIRECT]} redirect"]
        post += [f"{ip} saddr {client[kind]} snat {ip} to {out}" for kind in (SOURCE, BOTH)]
        post += [f"{ip} saddr {client[PORTS]} {ports} snat {ip} to {here}",
                 f"{ip} saddr {client[PORTS]} snat {ip} to {out}",
                 f"{ip} saddr {client[MASQUERADE]} masquerade"]
    lines = ["delete table ip masq", "table inet cover {",
             "chain pre { type nat hook prerouting priority dstnat;", *pre, "}",
             "chain post { type nat hook postrouting priority srcnat;", *post, "}", "}"]
    return "\n".join(lines)


def prepare(lab):
    """Addresses of clients and servers, rules of the nodes."""
    lines = {"cl": [], "sv": ["route add 10.10.0.0/24 via 10.20.0.254"]}
    for kind in range(len(KINDS)):
        for v6, bits in ((False, "24"), (True, "64 nodad")):
            client, _, server = addresses(kind, v6)
            prefix, option = bits.split()[0], " ".join(bits.split()[1:])
            lines["cl"].append(f"address add {client}/{prefix} dev lan0 {option}")
            if kind != REDIRECT:
                lines["sv"].append(f"address add {server}/{prefix} dev wan0 {option}")
    for name, words in lines.items():
        lab.ns[name].ip(*words)
    # What masquerade and redirect use is the first address of the interface.
    for dev, net in (("lan0", 10), ("wan0", 20)):
        lab.a.ns.ip(f"address del 10.{net}.0.1/24 dev {dev}",
                    f"address add 10.{net}.0.254/24 dev {dev}",
                    f"address add 10.{net}.0.1/24 dev {dev}",
                    f"address change fd{net}::1/64 dev {dev} preferred_lft 0")
    for node in (lab.a, lab.b):
        node.ns.nft(nat_rules())
        # a sum over part of a UDPlite packet that no wire has seen is not complete
        node.ns.sysctl(net__netfilter__nf_conntrack_checksum=0)
    lab.a.ns.nft('add rule inet fw routed iifname "lan0" ct state new counter accept\n'
                 'add rule inet fw local iifname "lan0" ct state new counter accept')
    lab.b.ns.nft("insert rule inet fw routed ct state new counter drop")


class Cell:
    """One connection and what became of it."""

    def __init__(self, lab, name, make, kind, v6):
        self.name, self.kind, self.v6 = name, kind, v6
        source, to, at = addresses(kind, v6)
        port = probes.DPORT
        if make in WITH_PORTS and kind in (PORTS, REDIRECT):
            port = NEW_PORT
        if issubclass(make, probes.Icmp) and kind == PORTS:
            # same server and identifier as another client behind the same address
            _, to, at = addresses(SOURCE, v6)
        far_ns = lab.a.ns if kind == REDIRECT else lab.ns["sv"]
        self.probe = make(v6, lab.ns["cl"], far_ns, source, to, at, port)
        self.replicated = self.injected = self.forth = self.back = False

    def line(self):
        """How a listing of the kernel or a cache shows its original direction."""
        return self.probe.proto, f"src={self.probe.source} dst={self.probe.to} "

    def text(self):
        if self.replicated and self.injected and self.forth and self.back:
            return "yes"
        letters = "".join(word for word, have in (("R", self.replicated), ("I", self.injected),
                                                  (" forth", self.forth), (" back", self.back))
                          if have)
        return f"{letters} (2)" if self.ends_here() else letters or "**nothing**"

    def ends_here(self):
        """Is the socket of its far end lost with the primary?"""
        return self.kind == REDIRECT and isinstance(self.probe, probes.Tcp)


def all_cells(lab):
    cells = []
    for name, *makers in PROTOCOLS:
        for v6, make in enumerate(makers):
            for kind in range(len(KINDS)):
                if make and (kind != PORTS or make not in (probes.Gre, probes.Esp, probes.Dccp)):
                    cells.append(Cell(lab, name, make, kind, bool(v6)))
    return cells


def listed(text):
    """(protocol number, line) of each flow of a listing."""
    return [(int(line.split()[1]), line) for line in text.splitlines()]


def find(cells, listing):
    """Those of the cells that are in it."""
    by_proto = {}
    for proto, line in listing:
        by_proto.setdefault(proto, []).append(line)
    return [cell for cell in cells
            if any(cell.line()[1] in line for line in by_proto.get(cell.line()[0], ()))]


def kernel_listing(node):
    return listed("".join(node.ns.run(["conntrack", "-L", "-f", family]).stdout
                          for family in ("ipv4", "ipv6")))


def render(cells):
    """The document."""
    by_place = {(c.name, c.v6, c.kind): c.text() for c in cells}
    lines = ["| protocol | | " + " | ".join(KINDS) + " |", "| --- " * (len(KINDS) + 2) + "|"]
    for name, *makers in PROTOCOLS:
        for v6, make in enumerate(makers):
            if make:
                row = [by_place.get((name, bool(v6), kind), "– (1)") for kind in range(len(KINDS))]
                lines.append(f"| {name} | {'IPv6' if v6 else 'IPv4'} | " + " | ".join(row) + " |")
    reasons = [f"{number}. {text}" for number, text in enumerate(REASONS, 1)]
    return TITLE + "\n".join(lines) + "\n\n" + "\n".join(reasons) + "\n" + NOTES


def compare(ctx, text):
    """Write what was found and compare it with what is committed."""
    path = os.path.join(ctx.args.builddir, "coverage.md")
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    with open(DOCUMENT, encoding="utf-8") as f:
        wanted = f.read()
    diff = list(difflib.unified_diff(wanted.splitlines(), text.splitlines(), "doc/coverage.md",
                                     path, lineterm="", n=0))
    assert not diff, "\n".join(["the table differs:", *diff])


def open_all(lab):
    """All connections, through the primary."""
    prepare(lab)
    cells = all_cells(lab)
    for cell in cells:
        cell.probe.open()
    lab.note(f"{len(cells)} connections are open")
    return cells


def fail_over(lab, cells, commands):
    """The primary is gone, the backup gets these commands. Fills in what it knows."""
    lab.cut(lab.a)
    if lab.a.daemon.proc:
        lab.a.daemon.crash()
    for word, result in lab.take_over(lab.b, commands).items():
        assert result.code == 0, f"{word} exits {result.code}: {result.err}"
    for cell in find(cells, kernel_listing(lab.b)):
        cell.injected = True


def move_on(lab, cells, limit):
    """Packets of all, first from the servers, then from the clients."""
    by_probe = {cell.probe: cell for cell in cells if not cell.ends_here()}
    for probe, cell in by_probe.items():
        if cell.kind == REDIRECT:
            probe.move(lab.b.ns)
    for probe in probes.exchange(by_probe, False, b"from the server", limit):
        by_probe[probe].back = True
    for probe in probes.exchange(by_probe, True, b"from the client", limit):
        by_probe[probe].forth = True
    for cell in cells:
        cell.probe.close()


def whole_story(ctx, binaries, missing=()):
    """Every connection through the failover. What is not in `missing` must be replicated."""
    with ctx.lab() as lab:
        start_pair(lab, *binaries, mode="FTFW")
        cells = open_all(lab)
        listing = [cell for cell in cells if cell.name not in missing]

        def replicated():
            return find(listing, listed(lab.b.daemon.ok("-e")))
        try:
            wait_for(lambda: len(replicated()) == len(listing), 20, "all are replicated", 0.2)
        except TimedOut as why:
            lab.note(why)
        for cell in replicated():
            cell.replicated = True
        fail_over(lab, cells, PRIMARY)
        move_on(lab, cells, 3 if missing else 10)
        return cells


@test(limit=120)
def coverage_table(ctx):
    compare(ctx, render(whole_story(ctx, [ctx.ctd])))


@test(limit=120)
def coverage_from_reference(ctx):
    """A primary of 1.4.7: all that version 1 can carry goes on."""
    cells = whole_story(ctx, [ctx.reference, ctx.ctd], ("UDPlite",))
    lost = {(c.name, KINDS[c.kind]) for c in cells if c.text() != "yes" and not c.ends_here()}
    expected = {("UDPlite", kind) for kind in KINDS}
    expected |= {(name, KINDS[PORTS]) for name in ("ICMP", "ICMPv6")}
    assert lost == expected, f"lost unexpectedly {lost - expected}, not lost {expected - lost}"


@test(limit=60)
def coverage_w13_to_reference(ctx):
    """A backup of 1.4.7 gets nothing it could not read, and lists all connections."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, ctx.reference, mode="FTFW")
        cells = open_all(lab)
        wait_for(lambda: len(find(cells, listed(lab.b.daemon.ok("-e")))) == len(cells), 20,
                 "all are listed", 0.2)
        report = lab.b.daemon.ok("-s", "network")
        bad = [line for line in report.splitlines()
               if line.startswith(("\t\tMalformed", "\t\tBad")) and line.split()[-1] != "0"]
        assert not bad, "\n".join(bad)


@test(limit=90)
def coverage_none(ctx):
    """Without state on the backup nothing of the table moves: the rules are strict enough."""
    with ctx.lab() as lab:
        cells = open_all(lab)
        fail_over(lab, cells, ())
        move_on(lab, cells, 2)
        moving = [f"{c.name} {KINDS[c.kind]} {c.text()}" for c in cells if c.forth or c.back]
        assert not moving, "moving without state: " + ", ".join(moving)


# --- attribute by attribute ---

LABELS = """
table inet labels {
    chain any { type filter hook forward priority 10; ct label 1 counter; }
}
"""
SHORTER = 60        # seconds by which a lifetime may be shorter on the backup
# ... or longer: an event says how long is left when the kernel writes it, in whole seconds, not
# when it was; what waits in the socket for a busy daemon is taken to be that much younger
LONGER = 10


def table(ctx, node):
    """key -> (attributes, lifetime) of all that the node's kernel has."""
    listing = node.ns.run([ctx.allkinds, "list"], timeout=60).stdout
    return {key: (rest, int(left)) for key, rest, left in
            (line.split("\t") for line in listing.splitlines())}


def differing(ours, theirs):
    """What the second table has otherwise than the first."""
    for key, (rest, left) in ours.items():
        if key not in theirs:
            yield f"missing: {key} {rest}"
        elif theirs[key][0] != rest:
            yield f"{key}\n  was {rest}\n  is  {theirs[key][0]}"
        elif not left - SHORTER <= theirs[key][1] <= left + LONGER:
            yield f"{key}: lifetime was {left}, is {theirs[key][1]}"
    yield from (f"too many: {key}" for key in theirs.keys() - ours.keys())


def all_kinds(ctx, node, word, count):
    """Make, or change, random flows of all kinds."""
    done = node.ns.run([ctx.allkinds, word, str(count), "1"], timeout=60)
    made, refused = map(int, done.stdout.split())
    assert made == count and not refused, f"{refused} refused: {done.stderr.splitlines()[:3]}"


def equal_tables(ctx, lab, count):
    """Power loss and commit; b's kernel then has what a's had."""
    before = table(ctx, lab.a)
    assert len(before) >= count, f"only {len(before)} of {count} in the table of a"
    lab.cut(lab.a)
    lab.a.daemon.crash()
    lab.b.daemon.ok("-c")
    found = list(differing(before, table(ctx, lab.b)))
    assert not found, "\n".join([f"{len(found)} of {len(before)} differ", *found[:8]])


def every_attribute(ctx, count, then=lambda lab: None):
    with ctx.lab(flows=2 * count) as lab:
        for node in (lab.a, lab.b):
            node.ns.nft(LABELS)
        start_pair(lab, ctx.ctd, mode="FTFW", window=True,
                   general=f"HashLimit {4 * count}\nHashSize {count}")
        all_kinds(ctx, lab.a, "create", count)
        wait_for(lambda: active(lab.b, "external") >= count, 60, "b has all flows", 0.2)
        then(lab)
        equal_tables(ctx, lab, count)


@test(limit=240)
def coverage_every_attribute(ctx):
    """What is injected equals what was read, for random flows of all kinds."""
    every_attribute(ctx, ctx.flows(100000))


@test(limit=120)
def coverage_w14_labels_cleared(ctx):
    """The labels of a quarter of many flows are cleared, of which the kernel says nothing."""
    count = ctx.flows(5000)

    def unlabel(lab):
        all_kinds(ctx, lab.a, "unlabel", count)
        reports = [None]

        def settled():
            status = json.loads(lab.a.daemon.ok("status", "--json"))
            reports.append((status["kernel"], status["peers"][0]["to_send"], ask(lab.b, CACHES)))
            return reports[-1] == reports[-2] and not status["kernel"]["resync_due"]
        wait_for(settled, 60, "nothing is under way", 1)
    every_attribute(ctx, count, unlabel)


@test()
def coverage_w16_window_scale(ctx):
    """TCPWindowTracking: the backup's kernel has the scales, with the flag that makes it use them."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, mode="FTFW", window=True)
        with tcp_flow(lab, SERVER4, 4001):
            wait_for(lab.in_step, 10, "b has the flow")
            before = table(ctx, lab.a)
            lab.b.daemon.ok("-c")
            after = table(ctx, lab.b)
        key = next(key for key in before if f"{CLIENT4}:4001 " in key)
        scales = re.search(r" wscale=(\d+),(\d+) ", before[key][0])
        assert scales and "0" not in scales.groups(), f"nothing to compare: {before[key]}"
        assert scales.group() in after[key][0], f"was {before[key]}, is {after[key]}"
        flags = [int(x, 16) for x in re.search(r" flags=(\w+),(\w+)", after[key][0]).groups()]
        assert all(x & 0x9 == 0x9 for x in flags), f"not scaling, or not liberal: {after[key]}"


@test()
def coverage_clash(ctx):
    """The address and port of a translation are taken on the backup: the flow there stays."""
    taken = ["-p", "tcp", "--state", "ESTABLISHED", "-t", "500", "-u", "SEEN_REPLY,ASSURED",
             "-s", "10.10.0.99", "-d", SERVER4, "--sport", "999", "--dport", "8000",
             "-r", SERVER4, "-q", "10.20.0.254", "--reply-port-src", "8000",
             "--reply-port-dst", "4001"]
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, mode="FTFW")
        with tcp_flow(lab, SERVER4, 4001), tcp_flow(lab, SERVER4, 4002, 8001):
            wait_for(lab.in_step, 10, "b has the flows")
            made = lab.b.ns.run(["conntrack", "-I", *taken])
            assert made.returncode == 0, made.stderr
            lab.b.daemon.ok("-c")
            listing = lab.b.ns.run(["conntrack", "-L", "-p", "tcp"]).stdout
        assert "src=10.10.0.99 " in listing, "the living flow is gone"
        assert "sport=4001 " not in listing and "sport=4002 " in listing, listing
        words = [line for line in lab.b.daemon.last_words() if "place is held" in line]
        assert len(words) == 1, lab.b.daemon.last_words()
        for part in (f"src={CLIENT4} dst={SERVER4} sport=4001", "src=10.10.0.99 ",
                     "dst=10.20.0.254 sport=8000 dport=4001"):
            assert part in words[0], words[0]


if __name__ == "__main__":
    sys.exit(main())
