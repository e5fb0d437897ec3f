#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Without caches: received states straight into the kernel, events straight to the peer."""
import contextlib
import re
import socket
import sys
import threading
import time

from daemon import PORT
from harness import main, test
from lab import SERVER4
from netns import wait_for
from scenario import (BULK, ECHO, all_survive, fail_over, keys, one_of_each, start_pair, survive,
                      wait_full_flow)
from tables import fill
from traffic import tcp_flow, udp_flow

DIRECT = "DisableExternalCache on"
BYPASS = "DisableInternalCache on"
NEW_FLOW = ("100000546b021bff000c0000c0000201c6336407000800050000000e00050002060000000008000304d2005000050004"
            "03000000000800060000012c00080007000000420010001f000000000000000000000000")


def kernel(node, *args):
    """Lines of a node's table that have all the words."""
    lines = node.ns.run(["conntrack", "-L"]).stdout.splitlines()
    return [line for line in lines if all(word in line for word in args)]


class Steady:
    """A UDP stream through the pair, a packet each way per period, until stopped."""

    def __init__(self, lab, port=4100, period=0.3):
        make = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)     # noqa: E731
        self.far, self.near = lab.ns["sv"].socket(make), lab.ns["cl"].socket(make)
        self.far.settimeout(0.2)
        self.far.bind((SERVER4, 53))
        self.near.bind(("", port))
        self.near.connect((SERVER4, 53))
        self.period, self.ended = period, threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        while not self.ended.wait(self.period):
            try:
                self.near.send(b"question")
                data, peer = self.far.recvfrom(100)
                self.far.sendto(data, peer)
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.thread.join()
        self.far.close()
        self.near.close()


def short_udp(lab, seconds):
    for node in (lab.a, lab.b):
        node.ns.sysctl(net__netfilter__nf_conntrack_udp_timeout=seconds,
                       net__netfilter__nf_conntrack_udp_timeout_stream=seconds)


def no_commands(ctx, binaries=None, **config):
    """Power loss of a; b has every connection in its kernel already."""
    with ctx.lab() as lab:
        start_pair(lab, *(binaries or [ctx.ctd]), **config)
        traffic = lab.traffic(ECHO, BULK)
        wait_full_flow(traffic)
        wait_for(lambda: len(kernel(lab.b, "tcp", "ESTABLISHED", SERVER4)) == ECHO + BULK, 10,
                 "b's kernel has all connections")
        assert not lab.b.daemon.ok("-e"), "the external cache shows something"
        report, _ = fail_over(lab, traffic, commands=())
        all_survive(lab, traffic, report)
        traffic.stop()
        status = lab.b.daemon.stop()
        assert status == 0, f"daemon b ends with {status}"


@test()
def direct_ftfw(ctx):
    no_commands(ctx, mode="FTFW", mode_extra=DIRECT)


@test()
def direct_notrack(ctx):
    no_commands(ctx, mode="NOTRACK", mode_extra=DIRECT)


@test()
def direct_interop_backup_ours(ctx):
    """FT-FW: what the reference daemon sends goes into our kernel at once."""
    no_commands(ctx, binaries=(ctx.reference, ctx.ctd), mode="FTFW", mode_extra=DIRECT)


@test()
def direct_interop_primary_ours(ctx):
    """FT-FW: what we send is taken by a reference daemon without external cache."""
    no_commands(ctx, binaries=(ctx.ctd, ctx.reference), mode="FTFW", mode_extra=DIRECT)


@test()
def direct_commands(ctx):
    """Flows come and go in the peer's kernel; -c has nothing to do, -s tells what was done."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, mode="FTFW", mode_extra=DIRECT)
        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.a, "-i") == expected, 5, "-i on a lists the flows")
            wait_for(lambda: len(kernel(lab.b, SERVER4)) == 3, 10, "b's kernel has the IPv4 flows")
            assert not lab.b.daemon.ok("-e") and not lab.b.daemon.ok("-i"), "listed on b"
            assert lab.b.daemon.ctl("-c").code == 0
            wait_for(lambda: "external inject:\nconnections created:\t\t           6\t" in
                     lab.b.daemon.ok("-s"), 10, "all six are created")
        log = "\n".join(lab.b.daemon.last_words(50))
        assert "committing all external caches" in log and "Committed" not in log, log
        lab.a.ns.run(["conntrack", "-D", "-p", "udp"])
        wait_for(lambda: not kernel(lab.b, "udp", SERVER4), 10, "deleted flows leave b's kernel")
        # neither b's own operations nor their end come back to a
        assert not kernel(lab.a, "udp", SERVER4)
        assert not lab.b.daemon.ok("-i")


def steady(ctx, **config):
    """A UDP stream outlives its timeout in both kernels: b's copy is refreshed well before."""
    with ctx.lab() as lab:
        short_udp(lab, 12)
        start_pair(lab, ctx.ctd, **config)

        def refreshed():
            injected = lab.b.daemon.ok("-s").split("external inject:")[1]
            return int(re.search(r"updated:\s+(\d+)", injected)[1])
        with Steady(lab):
            wait_for(lambda: kernel(lab.b, "udp", "sport=4100"), 10, "b's kernel has the stream")
            ident = [kernel_id(node) for node in (lab.a, lab.b)]
            start, before = time.monotonic(), refreshed()

            def outlived():
                for node, was in zip((lab.a, lab.b), ident):
                    assert kernel_id(node) == was, f"{node.name} lost the stream"
                return time.monotonic() > start + 20 and refreshed() >= before + 3
            wait_for(outlived, 40, "three refreshes in b's kernel", 0.25)
        wait_for(lambda: not kernel(lab.a, "udp", "sport=4100"), 30, "it ends on a")
        wait_for(lambda: not kernel(lab.b, "udp", "sport=4100"), 30, "it ends on b")


def kernel_id(node):
    """The kernel's id of the stream on a node, None if there is no such flow."""
    out = node.ns.run(["conntrack", "-L", "-p", "udp", "--orig-port-src", "4100", "-o",
                       "id"]).stdout
    return out.rsplit("id=", 1)[1].split()[0] if "id=" in out else None


@test(limit=120)
def direct_steady_udp(ctx):
    steady(ctx, mode="FTFW", mode_extra=DIRECT)


@test(limit=120)
def bypass_both_off_steady_udp(ctx):
    """NOTRACK without any cache: the stream must not be destroyed by its own copy."""
    steady(ctx, mode="NOTRACK", mode_extra=f"{DIRECT}\n{BYPASS}")


@test()
def bypass_failover(ctx):
    """Without internal cache: the backup commits what the messages told."""
    with ctx.lab() as lab:
        survive(ctx, lab, mode="NOTRACK", mode_extra=BYPASS)


@test()
def bypass_both_off(ctx):
    no_commands(ctx, mode="NOTRACK", mode_extra=f"{DIRECT}\n{BYPASS}")


def interop_bypass(ctx, binaries):
    """The primary has no internal cache; the backup has an external one."""
    with ctx.lab() as lab:
        for node, binary, extra in ((lab.a, binaries[0], BYPASS), (lab.b, binaries[1], "")):
            node.daemon.configure(binary, mode="NOTRACK", mode_extra=extra).start()
        traffic = lab.traffic(ECHO, BULK)
        wait_full_flow(traffic)
        wait_for(lambda: len([f for f in lab.b.daemon.flows("-e") if f.state == "ESTABLISHED"]) ==
                 ECHO + BULK, 10, "b knows all connections", 0.1)
        report, _ = fail_over(lab, traffic)
        all_survive(lab, traffic, report)
        traffic.stop()


@test()
def bypass_interop_primary_ours(ctx):
    interop_bypass(ctx, (ctx.ctd, ctx.reference))


@test()
def bypass_interop_backup_ours(ctx):
    interop_bypass(ctx, (ctx.reference, ctx.ctd))


@test()
def w31_bypass_delay(ctx):
    """An event is with the peer at once, not with the next heartbeat."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, mode="NOTRACK", mode_extra=BYPASS)
        delays = []
        for port in range(4200, 4210):
            time.sleep(0.11)            # at all phases of the heartbeat
            udp_flow(lab, SERVER4, port)
            start = time.monotonic()
            wait_for(lambda p=port: any(f"sport={p} " in f.line
                                        for f in lab.b.daemon.flows("-e")), 10, "b knows it", 0.01)
            delays.append(time.monotonic() - start)
        lab.note(f"longest delay {max(delays):.3f} s, with the command that looks")
        # the middle one: a loaded machine may delay some, the heartbeat would delay most
        assert sorted(delays)[5] < 0.3, delays


@test()
def w10_bypass_window_tracking(ctx):
    """The end of a TCP connection with window tracking, which 1.4.7 does not survive."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, mode="NOTRACK", mode_extra=BYPASS, window=True)
        with tcp_flow(lab, SERVER4, 4300):
            wait_for(lambda: lab.b.daemon.flows("-e"), 10, "b knows the connection", 0.05)
        lab.a.ns.run(["conntrack", "-D", "-p", "tcp"])
        wait_for(lambda: not lab.b.daemon.flows("-e"), 10, "b knows its end", 0.05)
        for node in (lab.a, lab.b):
            status = node.daemon.stop()
            assert status == 0, f"daemon {node.name} ends with {status}"


@test()
def bypass_commands(ctx):
    """What the commands do when there is no internal cache."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, mode="NOTRACK", mode_extra=BYPASS,
                   general="Filter { Address Ignore { IPv4_address 10.9.9.9 } }")
        lab.a.ns.run(["conntrack", "-I", "-p", "udp", "-s", "10.9.9.9", "-d", "10.9.9.8",
                      "--sport", "1", "--dport", "2", "-t", "300"])
        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.b, "-e") == expected, 10, "-e on b lists the flows", 0.05)
            lines = [line.split() for line in lab.a.daemon.ok("-i").splitlines()]
            assert len(lines) == len(expected), lines       # the filter counts here too
            assert all(fields[2].isdigit() and fields[-1] == "use=1" for fields in lines), lines
            xml = lab.a.daemon.ok("-i", "-x")
            assert xml.count("<flow>") == len(expected), xml
            lab.b.daemon.ok("-f", "external")
            assert not lab.b.daemon.ok("-e")
            lab.a.daemon.ok("-B")
            wait_for(lambda: keys(lab.b, "-e") == expected, 10, "-B sends the table", 0.05)
            lab.b.daemon.ok("-f", "external")
            lab.b.daemon.ok("-n")
            wait_for(lambda: keys(lab.b, "-e") == expected, 10, "-n brings the table", 0.05)
            for command in (("-f",), ("-f", "internal"), ("-R",)):
                lab.a.daemon.ok(*command)
            assert len(lab.a.daemon.ok("-i").splitlines()) == len(expected), "-f deleted flows"
            text = lab.a.daemon.ok("-s")
            assert text.startswith("internal bypass:\nconnections new:"), text
        log = "\n".join(lab.a.daemon.last_words(50))
        assert "unsupported" in log and "disabling internal cache" in log, log


@test()
def poll_mode(ctx):
    """No events: the table is read each second, and only changes are sent."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, general="PollSecs 1")
        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.b, "-e") == expected, 20, "b lists the flows", 0.1)
            readings = [None]

            def settled():
                readings.append(lab.b.daemon.ok("-s", "cache"))
                return readings[-1] == readings[-2]
            wait_for(settled, 20, "b is told nothing more", 1.5)
            before = readings[-1]
            time.sleep(3)
            after = lab.b.daemon.ok("-s", "cache")
            assert before == after, f"sent again:\n{before}\n{after}"
            lab.a.ns.run(["conntrack", "-D", "-p", "udp"])
            left = {key for key in expected if key[0] != "udp"}
            wait_for(lambda: keys(lab.b, "-e") == left, 20, "deleted flows leave b", 0.1)
        assert "running in polling mode" in "\n".join(lab.a.daemon.last_words(50))
        assert "current buffer size (in bytes):" in lab.a.daemon.ok("-s", "runtime")


@test(limit=240)
def direct_large(ctx):
    """A large table is put into the other kernel, and leaves it again."""
    count = ctx.flows(100000)
    with ctx.lab(flows=count) as lab:
        fill(ctx, lab.a, count, kind="mix")
        # a buffer that the table does not fit into: what is lost counts below
        size = (f"HashLimit {4 * count}\nHashSize {count}\nNetlinkBufferSize 2097152\n"
                "NetlinkBufferSizeMaxGrowth 8388608")
        start_pair(lab, ctx.ctd, mode="FTFW", mode_extra=DIRECT, general=size)
        entries = lambda node: int(node.ns.run(["conntrack", "-C"]).stdout)     # noqa: E731
        start = time.monotonic()
        wait_for(lambda: entries(lab.b) >= count, 120, "b's kernel has all flows", 0.1)
        lab.note(f"{count} flows are in b's kernel after {time.monotonic() - start:.2f} s")
        start = time.monotonic()
        lab.a.daemon.ok("-F")
        wait_for(lambda: entries(lab.b) < count / 1000, 120, "b's kernel is empty again", 0.1)
        lab.note(f"flushed on a, gone from b after {time.monotonic() - start:.2f} s")
        for node in (lab.a, lab.b):
            report = node.daemon.ok("-s", "runtime")
            # what a node does itself it reads as fast as it does it
            assert "netlink overrun:\t\t           0\n" in report, report
        text = lab.b.daemon.ok("-s")
        assert f"connections created:\t\t{count:12}\tfailed:\t           0" in text, text


@test()
def resync_wait(ctx):
    """-n --wait returns when everything is there, or with 1 when it does not come."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd)
        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.a, "-i") == expected, 5, "-i on a lists the flows")
            for _ in range(3):
                lab.b.daemon.ok("-f", "external")
                lab.b.daemon.ok("-n", "--wait", "20")
                assert keys(lab.b, "-e") == expected, "not complete when it returned"
        lab.a.daemon.crash()
        result = lab.b.daemon.ctl("-n", "--wait", "1")
        assert result.code == 1 and result.seconds < 10, result
        assert lab.b.daemon.ctl("-n").code == 0, "without --wait nobody waits"
        assert lab.b.daemon.ctl("-B", "--wait").code == 1


@test()
def resync_wait_reference(ctx):
    """FT-FW: the end of what the reference daemon sends is known too."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.reference, ctx.ctd)
        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.a, "-i") == expected, 5, "-i on a lists the flows")
            lab.b.daemon.ok("-f", "external")
            lab.b.daemon.ok("-n", "--wait", "20")
            assert keys(lab.b, "-e") == expected, "not complete when it returned"


@contextlib.contextmanager
def chatter(lab, message):
    """While the context lasts a message comes from a to b again and again."""
    over = threading.Event()

    def speak():
        while not over.is_set():
            with contextlib.suppress(ConnectionRefusedError):
                near.send(message)

    with lab.a.ns.socket(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as near:
        near.bind((lab.a.sync4, 0))
        near.connect((lab.b.sync4, PORT))
        speaker = threading.Thread(target=speak)
        speaker.start()
        try:
            yield
        finally:
            over.set()
            speaker.join()


@test(limit=120)
def direct_start_while_the_peer_speaks(ctx):
    """Without external cache: what a peer says while the own table is read does not stop the start."""
    with ctx.lab(flows=20000) as lab:
        fill(ctx, lab.b, 10000)
        lab.b.daemon.configure(ctx.ctd, mode="NOTRACK", mode_extra=DIRECT)
        with chatter(lab, bytes.fromhex(NEW_FLOW)):
            for _ in range(20):
                lab.b.daemon.start()
                lab.b.daemon.stop()


if __name__ == "__main__":
    sys.exit(main())
