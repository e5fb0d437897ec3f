#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Protocols that announce further connections, across a failover and back.

Real programs talk through a pair whose rules let only control connections pass,
and what is expected because of them. The texts they exchange are translated to
addresses of another length, so that sequence numbers shift.
"""
import re
import signal
import socket
import sys

from commands import log_has
from daemon import SMALL_BUFFER
from harness import main, test
from lab import CLIENT4, SERVER4, SERVER6
from netns import wait_for
from programs import (HELPERS, STRICT, Download, FtpServer, FtpSession, Sipp, TftpFetch, TftpServer,
                      curl, listens)
from scenario import PRIMARY, start_pair
from tables import fill

OUTSIDE = "10.20.0.254"         # what the server takes the client for
PUBLIC = "10.10.0.254"          # where the client finds a server that is behind the pair
DNAT = f"""
table ip public {{
    chain inside {{
        type nat hook prerouting priority dstnat;
        iifname "lan0" ip daddr {PUBLIC} dnat to {SERVER4}
    }}
}}
"""

ZONE = """
table inet zones {
    chain everything {
        type filter hook prerouting priority raw;
        iifname { "lan0", "wan0" } ct zone set 5
    }
}
"""


def pair(ctx, lab, rules="", options="ExpectationSync On", binaries=None, **config):
    for node in (lab.a, lab.b):
        node.ns.nft(HELPERS + STRICT + rules)
    start_pair(lab, *(binaries or [ctx.ctd]), options=options, **config)


def expected(node, option):
    """Expected tuples a cache listing shows, master included, without zones and ages."""
    lines = node.daemon.ok(option, "expect").splitlines()
    return {re.sub(r" zone=\d+| *\[.*", "", line) for line in lines}


def in_kernel(node):
    """Expectations in the kernel of a node."""
    return node.ns.run(["conntrack", "-L", "expect"]).stdout.splitlines()


def helped(node, name):
    """Flows in the kernel of a node that have this helper."""
    lines = node.ns.run(["conntrack", "-L"]).stdout.splitlines()
    return [line for line in lines if f"helper={name}" in line]


def settled(lab, owner, backup, count):
    """The backup holds the owner's flows and its `count` expectations."""
    lab.wait_in_step(20, owner, backup)
    wait_for(lambda: len(expected(owner, "-i")) == count, 20, f"{count} expectations with -i")
    wait_for(lambda: expected(owner, "-i") == expected(backup, "-e"), 20,
             "the same expectations with -e")


def fail_over(lab, old, new, commands=PRIMARY):
    lab.cut(old)
    old.daemon.crash()
    for word, result in lab.take_over(new, commands).items():
        assert result.code == 0, f"{word} exits {result.code}: {result.err}"


def come_back(lab, node, empty=True):
    """The old primary returns as a backup and fetches the state."""
    lab.revive(node, empty)
    node.daemon.restart_after_power_loss()
    for word in ("-t", "-n"):
        node.daemon.ok(word)


# --- FTP ---

class FtpStory:
    """Control connections in all states, which live through every failover."""

    def __init__(self, ctx, lab, server, active, v6=False):
        self.lab, self.server, self.active = lab, server, active
        self.files = FtpServer(lab, v6)
        self.url = f"ftp://[{server}]/" if v6 else f"ftp://{server}/"
        self.idle = self._session()
        self.waiting = self._session()
        self.download = None

    def _session(self):
        """With a few transfers behind it: each announcement shifts the numbers further."""
        session = FtpSession(self.lab, self.server, self.active)
        for _ in range(3):
            self._same(session.fetch(), "before")
        return session

    def _same(self, got, when, name="small"):
        assert got == self.files.sums[name], f"another file {when}"

    def before(self):
        """What is under way when the power fails. How many expectations there are."""
        self.download = Download(self.lab, self.server, self.active)
        self.waiting.announce()
        return 1

    def after(self):
        assert self.download.is_running(), "the download ended before the failover"
        self._same(self.waiting.fetch_announced(), "over the announced connection")
        self._same(self.idle.fetch(), "over an old control connection")
        self._same(self.waiting.fetch(), "after the announced one")
        self._same(self.download.finish(), "in the running transfer", "big")
        self._same(curl(self.lab, self.url + "small", *(("-P", "-") if self.active else ())),
                   "with curl")
        session = self._session()
        session.close()


def ftp(ctx, server=SERVER4, active=False, rules="", v6=False, **config):
    """There and back."""
    with ctx.lab() as lab:
        pair(ctx, lab, rules, **config)
        story = FtpStory(ctx, lab, server, active, v6)
        for old, new in ((lab.a, lab.b), (lab.b, lab.a)):
            settled(lab, old, new, story.before())
            fail_over(lab, old, new)
            assert len(helped(new, "ftp")) >= 3, helped(new, "ftp")
            story.after()
            if new is lab.b:
                come_back(lab, old)


@test(limit=120)
def ftp_snat_passive(ctx):
    ftp(ctx)


@test(limit=120)
def ftp_snat_active(ctx):
    ftp(ctx, active=True)


@test(limit=120)
def ftp_dnat_passive(ctx):
    ftp(ctx, server=PUBLIC, rules=DNAT)


@test(limit=120)
def ftp_dnat_active(ctx):
    ftp(ctx, server=PUBLIC, rules=DNAT, active=True)


@test(limit=120)
def ftp_ipv6_passive(ctx):
    ftp(ctx, server=SERVER6, v6=True)


@test(limit=120)
def ftp_ipv6_active(ctx):
    ftp(ctx, server=SERVER6, v6=True, active=True)


@test(limit=120)
def ftp_notrack(ctx):
    ftp(ctx, mode="NOTRACK")


@test(limit=120)
def ftp_zone(ctx):
    """Expectations are in the zone of their masters, which neither kernel nor peer says."""
    ftp(ctx, rules=ZONE, active=True)


@test(limit=120)
def ftp_direct(ctx):
    """Without external cache the backup's kernel has it all before the failover."""
    with ctx.lab() as lab:
        pair(ctx, lab, mode_extra="DisableExternalCache on")
        story = FtpStory(ctx, lab, SERVER4, active=True)
        story.before()
        wait_for(lambda: [f" dport={story.waiting.port()} " in x for x in in_kernel(lab.b)] ==
                 [True], 20, "the announced connection in b's kernel")
        wait_for(lambda: len(helped(lab.b, "ftp")) == 3, 20, "control connections in b's kernel")
        fail_over(lab, lab.a, lab.b, commands=())
        story.after()


@test(limit=120)
def ftp_back_over_old_table(ctx):
    """The old primary still has its table: what it knows is brought up to date.

    Both directions are shifted, one of them for the first time by the other node. Where
    sequence numbers begin is chance, so it takes a few connections.
    """
    with ctx.lab() as lab:
        pair(ctx, lab, DNAT)
        files = FtpServer(lab)
        sessions = [FtpSession(lab, PUBLIC) for _ in range(8)]

        def transfers(active):
            for session in sessions:
                session.active = active
                assert session.fetch() == files.sums["small"]
        transfers(active=False)
        settled(lab, lab.a, lab.b, 0)
        fail_over(lab, lab.a, lab.b)
        transfers(active=True)
        come_back(lab, lab.a, empty=False)
        settled(lab, lab.b, lab.a, 0)
        fail_over(lab, lab.b, lab.a)
        transfers(active=True)
        transfers(active=False)


@test()
def classic_expectation(ctx):
    """Seen on the primary, on the backup, and in the backup's kernel, step by step."""
    with ctx.lab() as lab:
        pair(ctx, lab, mode_extra="CommitTimeout 123")
        FtpServer(lab)
        session = FtpSession(lab, SERVER4)
        session.announce()
        settled(lab, lab.a, lab.b, 1)
        for node, option in ((lab.a, "-i"), (lab.b, "-e")):
            line, = expected(node, option)
            assert f" dport={session.port()} " in line and line.endswith("helper=ftp"), line
        assert not in_kernel(lab.b) and not helped(lab.b, "ftp")
        lab.b.daemon.ok("-c", "ct")
        assert len(helped(lab.b, "ftp")) == 1 and not in_kernel(lab.b)
        lab.b.daemon.ok("-c", "expect")
        line, = in_kernel(lab.b)
        assert f" dport={session.port()} " in line and "helper=ftp" in line, line
        left = int(re.match(r"\d+", line)[0])
        assert 90 < left <= 123, f"not the lifetime given (W12): {line}"
        assert not expected(lab.b, "-e") - expected(lab.a, "-i")
        lab.b.daemon.ok("-f")
        assert not expected(lab.b, "-e") and not expected(lab.b, "-i")
        lab.b.daemon.ok("-R", "expect")
        wait_for(lambda: expected(lab.b, "-i"), 10, "-R expect fills the internal cache")
        lab.b.daemon.ok("-F", "expect")
        assert not in_kernel(lab.b)


@test()
def helper_allow_list(ctx):
    """ExpectationSync { sip } leaves out those of FTP."""
    with ctx.lab() as lab:
        pair(ctx, lab, options="ExpectationSync {\nsip\n}")
        FtpServer(lab)
        session = FtpSession(lab, SERVER4)
        session.announce()
        wait_for(lambda: in_kernel(lab.a), 10, "the kernel of a expects the connection")
        lab.wait_in_step()
        assert not expected(lab.a, "-i") and not expected(lab.b, "-e")


@test()
def helper_without_rule(ctx):
    """No rule of the backup assigns a helper: the one that was replicated works on."""
    with ctx.lab() as lab:
        pair(ctx, lab)
        lab.b.ns.nft("delete table inet helpers")
        files = FtpServer(lab)
        sessions = [FtpSession(lab, SERVER4, active) for active in (False, True)]
        for session in sessions:
            session.announce()
        settled(lab, lab.a, lab.b, 2)
        fail_over(lab, lab.a, lab.b)
        for session in sessions:
            assert session.fetch_announced() == files.sums["small"]
            assert session.fetch() == files.sums["small"]
        assert len(helped(lab.b, "ftp")) == 2


@test(limit=120)
def w33_overrun(ctx):
    """The event of an expectation gets lost; reading the kernel's table makes up for it."""
    with ctx.lab() as lab:
        pair(ctx, lab, general=SMALL_BUFFER)
        FtpServer(lab)
        gone, new = (FtpSession(lab, SERVER4) for _ in range(2))
        gone.announce()
        settled(lab, lab.a, lab.b, 1)
        lab.a.daemon.proc.send_signal(signal.SIGSTOP)
        try:
            fill(ctx, lab.a, 10000)
            new.announce()
            gone.close()
            wait_for(lambda: f"dport={new.port()} " in str(in_kernel(lab.a)) and
                     f"dport={gone.port()} " in str(in_kernel(lab.a)), 10, "both are expected")
            lab.a.ns.run(["conntrack", "-D", "-p", "tcp", "--sport",
                          str(gone.local)])
            wait_for(lambda: len(in_kernel(lab.a)) == 1, 10, "one expectation less")
        finally:
            lab.a.daemon.proc.send_signal(signal.SIGCONT)
        wait_for(lambda: [f" dport={new.port()} " in x for x in expected(lab.b, "-e")] == [True],
                 30, "only the new expectation with -e", 0.1)
        assert log_has(lab.a, "after lost events"), "nothing was lost"


# --- the reference as the other node ---

def ftp_with(ctx, *binaries):
    """Passive connections: what version 1 carries is enough for them."""
    with ctx.lab() as lab:
        pair(ctx, lab, binaries=binaries)
        files = FtpServer(lab)
        session = FtpSession(lab, SERVER4)
        session.announce()
        settled(lab, lab.a, lab.b, 1)
        fail_over(lab, lab.a, lab.b)
        assert session.fetch_announced() == files.sums["small"]
        assert session.fetch() == files.sums["small"]


@test()
def interop_ftp_primary_ours(ctx):
    ftp_with(ctx, ctx.ctd, ctx.reference)


@test()
def interop_ftp_backup_ours(ctx):
    ftp_with(ctx, ctx.reference, ctx.ctd)


# --- TFTP ---

@test(limit=120)
def w11_tftp(ctx):
    """Asked before the failover, answered after it, from a port nobody has spoken to."""
    with ctx.lab() as lab:
        pair(ctx, lab)
        server = TftpServer(lab, SERVER4)
        assert TftpFetch(lab, SERVER4).finish() == server.files.sums["small"]
        for old, new in ((lab.a, lab.b), (lab.b, lab.a)):
            server.halt()
            fetch = TftpFetch(lab, SERVER4)
            settled(lab, old, new, 1)
            fail_over(lab, old, new)
            server.go_on()
            assert fetch.finish() == server.files.sums["small"], "another file"
            if new is lab.b:
                come_back(lab, old)


# --- SIP ---

def media(lab, where, port):
    def make():
        sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        sock.bind((CLIENT4 if where == "cl" else SERVER4, port))
        sock.settimeout(10)
        return sock
    return lab.ns[where].socket(make)


@test(limit=120)
def w11_sip(ctx):
    """It rings, the primary dies, the callee answers, both talk; and on, when the other one dies."""
    with ctx.lab() as lab:
        pair(ctx, lab)
        with media(lab, "cl", 16000) as near, media(lab, "sv", 17000) as far, \
                media(lab, "cl", 16001) as near_control, media(lab, "sv", 17001) as far_control:
            callee = Sipp(lab, "sv", "sip_uas", "-i", SERVER4, "-p", "5060")
            listens(lab, ":5060 ")
            caller = Sipp(lab, "cl", "sip_uac", "-i", CLIENT4, "-p", "5060", SERVER4)
            caller.wait_said("180 Ringing")
            callee.halt()
            wait_for(lambda: expected(lab.a, "-i"), 10, "media are expected")
            settled(lab, lab.a, lab.b, len(expected(lab.a, "-i")))
            fail_over(lab, lab.a, lab.b)
            assert helped(lab.b, "sip")
            far.sendto(b"early media", (OUTSIDE, 16000))
            assert near.recv(100) == b"early media"
            callee.go_on()
            caller.wait_said("ACK sip")
            near.sendto(b"hello", (SERVER4, 17000))
            assert far.recv(100) == b"hello"
            caller.halt()       # not to hang up before the other failover
            assert not caller.said("BYE sip"), "too late"
            come_back(lab, lab.a)
            left = expected(lab.b, "-i")
            assert left, "nothing is announced any more"
            settled(lab, lab.b, lab.a, len(left))
            fail_over(lab, lab.b, lab.a)
            assert helped(lab.a, "sip")
            far_control.sendto(b"report", (OUTSIDE, 16001))
            assert near_control.recv(100) == b"report", "announced, and not opened yet"
            for sock, to, other in ((near, (SERVER4, 17000), far), (far, (OUTSIDE, 16000), near)):
                sock.sendto(b"still there", to)
                assert other.recv(100) == b"still there"
            caller.go_on()
            callee.finish()
            caller.finish()


@test(limit=120)
def sip_registration(ctx):
    """A phone that has registered can be called after the failover, from another port.

    What it expects is inactive until the registrar answers, which no event tells.
    """
    with ctx.lab() as lab:
        pair(ctx, lab)
        registrar = Sipp(lab, "sv", "sip_registrar", "-i", SERVER4, "-p", "5060")
        listens(lab, ":5060 ")
        phone = Sipp(lab, "cl", "sip_phone", "-i", CLIENT4, "-p", "5060", SERVER4)
        wait_for(lambda: ["INACTIVE" in x for x in expected(lab.a, "-i")] == [True], 10,
                 "an inactive expectation")
        phone.finish()
        registrar.finish()
        wait_for(lambda: ["PERMANENT class" in x for x in expected(lab.b, "-e")] == [True], 20,
                 "an active expectation on b")
        fail_over(lab, lab.a, lab.b)
        with media(lab, "cl", 5060) as near, media(lab, "sv", 5099) as far:
            for text in (b"one", b"two"):
                far.sendto(text, (OUTSIDE, 5060))
                assert near.recv(100) == text
        assert len(in_kernel(lab.b)) == 1, "it is permanent"


if __name__ == "__main__":
    sys.exit(main())
