#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Without caches: received states straight into the kernel, events straight to the peer."""
import socket
import sys
import threading
import time

from harness import main, test
from lab import SERVER4
from netns import wait_for
from scenario import (BULK, ECHO, all_survive, fail_over, keys, one_of_each, start_pair,
                      wait_full_flow)

DIRECT = "DisableExternalCache on"
BYPASS = "DisableInternalCache on"


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


def short_udp(lab, seconds=4):
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
            text = lab.b.daemon.ok("-s")
            assert "external inject:\nconnections created:\t\t           6\t" in text, text
        log = "\n".join(lab.b.daemon.last_words(50))
        assert "committing all external caches" in log and "Committed" not in log, log
        lab.a.ns.run(["conntrack", "-D", "-p", "udp"])
        wait_for(lambda: not kernel(lab.b, "udp", SERVER4), 10, "deleted flows leave b's kernel")
        # neither b's own operations nor their end come back to a
        assert not kernel(lab.a, "udp", SERVER4)
        assert not lab.b.daemon.ok("-i")


def steady(ctx, seconds=14, binaries=None, **config):
    """A UDP stream outlives its timeout many times over, in both kernels."""
    with ctx.lab() as lab:
        short_udp(lab)
        start_pair(lab, *(binaries or [ctx.ctd]), **config)
        with Steady(lab):
            wait_for(lambda: kernel(lab.b, "udp", "sport=4100"), 10, "b's kernel has the stream")
            ident = [kernel_id(node) for node in (lab.a, lab.b)]
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                for node, was in zip((lab.a, lab.b), ident):
                    assert kernel_id(node) == was, f"{node.name} lost the stream"
                time.sleep(0.25)
        wait_for(lambda: not kernel(lab.a, "udp", "sport=4100"), 20, "it ends on a")
        wait_for(lambda: not kernel(lab.b, "udp", "sport=4100"), 20, "it ends on b")


def kernel_id(node):
    """The kernel's id of the stream on a node, None if there is no such flow."""
    out = node.ns.run(["conntrack", "-L", "-p", "udp", "--orig-port-src", "4100", "-o",
                       "id"]).stdout
    return out.rsplit("id=", 1)[1].split()[0] if "id=" in out else None


@test()
def direct_steady_udp(ctx):
    steady(ctx, mode="FTFW", mode_extra=DIRECT)


if __name__ == "__main__":
    sys.exit(main())
