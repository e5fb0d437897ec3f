# SPDX-License-Identifier: GPL-2.0-or-later
"""A connection of any protocol between a client and a server, driven packet by packet.

A probe holds the sockets of both ends. Ports, identifiers and tags are the same for
all; what tells probes apart are the addresses. Raw sockets are bound and connected,
so that each sees its own peer only.
"""
import contextlib
import select
import socket
import struct
import time

SPORT, DPORT = 5000, 6000
IDENT = 4242
UDPLITE, SCTP, GRE, ESP, DCCP = 136, 132, 47, 50, 33
PATIENCE = 0.4          # seconds after which a packet is sent again
_MASK = 0xffffffff


def crc32c(data):
    """Checksum of SCTP (RFC 9260, appendix A)."""
    crc = _MASK
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ _MASK


def internet_checksum(data):
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total >> 16) + (total & 0xffff)
    return ~total & 0xffff


class Probe:
    """One cell of the table. `to` is what the client addresses, `at` where the server is.

    `far_ns` is where the server runs, `far_port` and `at` what a translation leads to.
    """

    proto = None
    kind = socket.SOCK_RAW
    header = 0          # bytes before the payload, as the socket shows them

    def __init__(self, v6, near_ns, far_ns, source, to, at, far_port=DPORT):
        self.v6 = v6
        self.family = socket.AF_INET6 if v6 else socket.AF_INET
        self.near_ns, self.far_ns = near_ns, far_ns
        self.source, self.to, self.at, self.far_port = source, to, at, far_port
        self.near = self.far = self.peer = None

    def _socket(self, ns, address, port=0):
        sock = ns.socket(lambda: socket.socket(self.family, self.kind, self.proto))
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((address, port))
        sock.setblocking(False)
        return sock

    def open(self):
        """Open the sockets and let both sides speak."""
        self.listen()
        self.near = self._socket(self.near_ns, self.source, SPORT)
        self.near.connect((self.to, DPORT))
        for word in (b"hello", b"again"):
            self._until(self.forth, word, self.far_heard)
            self._until(self.back, word, self.near_heard)

    def listen(self):
        """Open the server's end."""
        self.far = self._socket(self.far_ns, self.at, self.far_port)

    def move(self, far_ns):
        """The server is another machine of the same address now."""
        peer = self.peer
        self.far.close()
        self.far_ns = far_ns
        self.listen()
        self.peer = peer

    def _until(self, send, word, heard):
        for _ in range(10):
            send(word)
            end = time.monotonic() + PATIENCE
            while time.monotonic() < end:
                select.select([s for s in (self.near, self.far) if s], [], [], PATIENCE)
                if heard(word):
                    return
        raise AssertionError(f"{type(self).__name__} from {self.source}: no {word.decode()}")

    # --- the two directions: send a word, look for it on the other side ---

    def forth(self, word):
        with contextlib.suppress(OSError):
            self.near.send(self.pack(word, SPORT, DPORT))

    def back(self, word):
        with contextlib.suppress(OSError):
            self.far.sendto(self.pack(word, self.far_port, self.peer[1]), self.peer)

    def far_heard(self, word):
        return self._heard(self.far, word, True)

    def near_heard(self, word):
        return self._heard(self.near, word, False)

    def _heard(self, sock, word, learn):
        found = False
        with contextlib.suppress(OSError):      # also errors that ICMP reports
            while True:
                data, peer = sock.recvfrom(2000)
                data = data[self._skip(data):]
                if learn:
                    self.peer = self.address_of(peer, data)
                found = found or word in data
        return found

    def _skip(self, data):
        raw4 = self.kind == socket.SOCK_RAW and not self.v6
        return (data[0] & 15) * 4 if raw4 else 0

    def address_of(self, peer, data):
        """Where to answer to; a raw socket does not tell ports."""
        return peer[:2] if self.kind != socket.SOCK_RAW else (peer[0], 0)

    def pack(self, word, sport, dport):
        return word

    def close(self):
        for sock in (self.near, self.far):
            if sock:
                sock.close()


class Udp(Probe):
    proto, kind = socket.IPPROTO_UDP, socket.SOCK_DGRAM


class UdpLite(Probe):
    proto, kind = UDPLITE, socket.SOCK_DGRAM


class Tcp(Probe):
    proto, kind = socket.IPPROTO_TCP, socket.SOCK_STREAM

    def open(self):
        self.listen()
        with self._socket(self.far_ns, self.at, self.far_port) as listener:
            listener.listen()
            self.near = self._socket(self.near_ns, self.source, SPORT)
            with contextlib.suppress(BlockingIOError):
                self.near.connect((self.to, DPORT))
            if not select.select([listener], [], [], 10)[0]:
                raise AssertionError(f"Tcp from {self.source}: no connection")
            self.far = listener.accept()[0]
        self.far.setblocking(False)
        self._until(self.forth, b"hello", self.far_heard)
        self._until(self.back, b"hello", self.near_heard)

    def listen(self):
        self.far = None

    def back(self, word):
        with contextlib.suppress(OSError):
            self.far.send(word)

    def _heard(self, sock, word, learn):
        with contextlib.suppress(OSError):
            return word in sock.recv(65536)
        return False


class Icmp(Probe):
    """The server's kernel answers, so both directions begin at the client."""

    proto, request, reply = socket.IPPROTO_ICMP, 8, 0

    def forth(self, word):
        packet = struct.pack("!BBHHH", self.request, 0, 0, IDENT, 1) + word
        if not self.v6:         # the kernel fills in the one of ICMPv6
            packet = packet[:2] + struct.pack("!H", internet_checksum(packet)) + packet[4:]
        with contextlib.suppress(OSError):
            self.near.send(packet)

    back = forth

    def _heard(self, sock, word, learn):
        with contextlib.suppress(OSError):
            while True:
                data = sock.recv(2000)
                data = data[self._skip(data):]
                ident = struct.unpack("!H", data[4:6])[0]
                want = self.request if learn else self.reply
                if data[0] == want and word in data and (learn or ident == IDENT):
                    return True
        return False


class Icmp6(Icmp):
    proto, request, reply = socket.IPPROTO_ICMPV6, 128, 129


class Gre(Probe):
    proto = GRE

    def pack(self, word, sport, dport):
        return struct.pack("!HH", 0, 0x0800) + word


class Esp(Probe):
    proto = ESP

    def pack(self, word, sport, dport):
        return struct.pack("!II", 0x1001, 1) + word


class Dccp(Probe):
    proto = DCCP

    def pack(self, word, sport, dport):
        return struct.pack("!HH", sport, dport) + b"\0" * 12 + word


class Sctp(Probe):
    """An association: the tracker compares the verification tags of each packet."""

    proto = SCTP
    near_tag, far_tag = 0x11223344, 0x55667788
    INIT, INIT_ACK, COOKIE_ECHO, COOKIE_ACK, DATA = 1, 2, 10, 11, 0

    def _packet(self, sport, dport, tag, chunk, body):
        data = struct.pack("!BBH", chunk, 3 if chunk == self.DATA else 0, 4 + len(body)) + body
        data += b"\0" * (-len(data) % 4)
        head = struct.pack("!HHI", sport, dport, tag)
        crc = crc32c(head + b"\0" * 4 + data)
        return head + struct.pack("<I", crc) + data

    def open(self):
        self.listen()
        self.near = self._socket(self.near_ns, self.source)
        self.near.connect((self.to, 0))
        first = struct.pack("!IIHHI", self.near_tag, 65535, 1, 1, 1)
        answer = struct.pack("!IIHHI", self.far_tag, 65535, 1, 1, 1)
        self._step(True, 0, self.INIT, first + b"init")
        self._step(False, self.near_tag, self.INIT_ACK, answer + b"inac")
        self._step(True, self.far_tag, self.COOKIE_ECHO, b"cookieno")
        self._step(False, self.near_tag, self.COOKIE_ACK, b"")
        self._until(self.forth, b"hello", self.far_heard)
        self._until(self.back, b"hello", self.near_heard)

    def _step(self, forth, tag, chunk, body):
        """One packet of the handshake; it is recognised by its end."""
        def send(_):
            with contextlib.suppress(OSError):
                if forth:
                    self.near.send(self._packet(SPORT, DPORT, tag, chunk, body))
                else:
                    self.far.sendto(self._packet(self.far_port, self.peer[1], tag, chunk, body),
                                    (self.peer[0], 0))
        word = body[-4:] or struct.pack("!BBH", chunk, 0, 4)
        self._until(send, word, self.far_heard if forth else self.near_heard)

    def address_of(self, peer, data):
        return peer[0], struct.unpack("!H", data[:2])[0]

    def forth(self, word):
        with contextlib.suppress(OSError):
            self.near.send(self._data(SPORT, DPORT, self.far_tag, word))

    def back(self, word):
        with contextlib.suppress(OSError):
            self.far.sendto(self._data(self.far_port, self.peer[1], self.near_tag, word),
                            (self.peer[0], 0))

    def _data(self, sport, dport, tag, word):
        return self._packet(sport, dport, tag, self.DATA, struct.pack("!IHHI", 1, 0, 0, 0) + word)


def exchange(probes, forth, word, limit):
    """Send from all of them, one way, until all have arrived or the time is over.

    Returns those whose word has arrived. Each has a word of its own: two ICMP probes may
    have the same server.
    """
    words = {probe: word + b" " + probe.source.encode() for probe in probes}
    pending, arrived = list(probes), []

    def listen():
        nonlocal pending
        again = time.monotonic() + PATIENCE
        while pending and time.monotonic() < again:
            sockets = [p.far if forth else p.near for p in pending]
            select.select(sockets, [], [], PATIENCE / 4)
            heard = [p for p in pending if (p.far_heard if forth else p.near_heard)(words[p])]
            arrived.extend(heard)
            pending = [p for p in pending if p not in heard]
    end = time.monotonic() + limit
    while pending and time.monotonic() < end:
        for probe in pending:
            (probe.forth if forth else probe.back)(words[probe])
        listen()
    listen()        # the machine may have paused while something came
    return arrived
