#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Protocols beyond those of helpers.py that announce a connection: a few words of each, by hand.

Announced through the primary, which then dies; opened through the backup, whose rules drop what
is not expected.
"""
import re
import socket
import struct
import sys

from harness import main, test
from helpers import OUTSIDE, expected, fail_over, helped, pair, settled
from lab import CLIENT4, SERVER4

TIMEOUT = 10
RULES = """
table inet helpers {
    ct helper irc { type "irc" protocol tcp; l3proto inet; }
    ct helper sane { type "sane" protocol tcp; l3proto inet; }
    ct helper amanda { type "amanda" protocol udp; l3proto inet; }
    chain others {
        type filter hook prerouting priority filter + 1;
        tcp dport 6667 ct helper set "irc"
        tcp dport 6566 ct helper set "sane"
        udp dport 10080 ct helper set "amanda"
    }
}
flush chain inet strict routed
add rule inet strict routed ct state new tcp dport != { 6667, 6566 } counter drop
add rule inet strict routed ct state new udp dport != 10080 counter drop
"""


def here(lab, where, kind, port=0):
    """A socket of a host, bound."""
    def make():
        sock = socket.socket(socket.AF_INET, kind)
        sock.settimeout(TIMEOUT)
        sock.bind((CLIENT4 if where == "cl" else SERVER4, port))
        if kind == socket.SOCK_STREAM and port:
            sock.listen(1)
        return sock
    return lab.ns[where].socket(make)


def joined(lab, listener, where, address):
    """A connection from a host to a listener: both ends."""
    opened = here(lab, where, socket.SOCK_STREAM)
    opened.connect(address)
    return opened, listener.accept()[0]


def goes_on(lab, helper, name, listener, where, address):
    """One connection is expected on both nodes; it can be opened after the failover."""
    settled(lab, lab.a, lab.b, 1)
    assert helper in str(expected(lab.b, "-e")), expected(lab.b, "-e")
    fail_over(lab, lab.a, lab.b)
    assert len(helped(lab.b, name)) == 1, f"the control connection has lost its helper {name}"
    opened, accepted = joined(lab, listener, where, address)
    with opened, accepted:
        opened.sendall(b"there")
        assert accepted.recv(100) == b"there"
        accepted.sendall(b"and back")
        assert opened.recv(100) == b"and back"


@test()
def announced_irc(ctx):
    """DCC: the client lets the server connect to it, the text is translated on the way."""
    with ctx.lab() as lab:
        pair(ctx, lab, RULES)
        with here(lab, "sv", socket.SOCK_STREAM, 6667) as server, \
             here(lab, "cl", socket.SOCK_STREAM, 5000) as chat:
            control, far = joined(lab, server, "cl", (SERVER4, 6667))
            with control, far:
                mine = struct.unpack("!I", socket.inet_aton(CLIENT4))[0]
                control.sendall(f"PRIVMSG other :\1DCC CHAT chat {mine} 5000\1\r\n".encode())
                told = re.search(rb"chat (\d+) (\d+)", far.recv(1000))
                address = socket.inet_ntoa(struct.pack("!I", int(told[1])))
                assert address == OUTSIDE, "not translated"
                goes_on(lab, "helper=irc", "irc", chat, "sv", (address, int(told[2])))


@test()
def announced_sane(ctx):
    """A scanner names the port for the picture."""
    with ctx.lab() as lab:
        pair(ctx, lab, RULES)
        with here(lab, "sv", socket.SOCK_STREAM, 6566) as server, \
             here(lab, "sv", socket.SOCK_STREAM, 7000) as picture:
            control, far = joined(lab, server, "cl", (SERVER4, 6566))
            with control, far:
                control.sendall(struct.pack("!II", 7, 0))       # SANE_NET_START
                assert len(far.recv(100)) == 8
                far.sendall(struct.pack("!IHH", 0, 0, 7000))
                assert len(control.recv(100)) == 8
                goes_on(lab, "helper=sane", "sane", picture, "cl", (SERVER4, 7000))


@test()
def announced_amanda(ctx):
    """A backup server names the port for the data, over UDP."""
    with ctx.lab() as lab:
        pair(ctx, lab, RULES)
        with here(lab, "sv", socket.SOCK_DGRAM, 10080) as server, \
             here(lab, "cl", socket.SOCK_DGRAM) as control, \
             here(lab, "sv", socket.SOCK_STREAM, 7000) as data:
            control.sendto(b"Amanda 2.4 REQ HANDLE 000-0 SEQ 1\n", (SERVER4, 10080))
            peer = server.recvfrom(1000)[1]
            server.sendto(b"Amanda 2.4 REP HANDLE 000-0 SEQ 1\nCONNECT DATA 7000\n", peer)
            assert b"CONNECT DATA 7000" in control.recv(1000)
            goes_on(lab, "helper=amanda", "amanda", data, "cl", (SERVER4, 7000))


if __name__ == "__main__":
    sys.exit(main())
