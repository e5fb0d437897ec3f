# SPDX-License-Identifier: GPL-2.0-or-later
"""Load through the pair: the program tests/support/traffic, and single flows."""
import contextlib
import json
import socket
import struct
import subprocess

from netns import read_line, wait_for

PORT = 7000


class Traffic:
    """A server and a client with `echo` + `bulk` lasting connections."""

    def __init__(self, binary, client_ns, server_ns, address, echo, bulk, churn=0):
        self.total = echo + bulk
        self.server = server_ns.start([binary, "server", str(PORT)], stdout=subprocess.PIPE)
        if read_line(self.server, 5) != b"ready\n":
            raise RuntimeError("the traffic server does not start")
        self.client = client_ns.start(
            [binary, "client", address, str(PORT), str(echo), str(bulk), str(churn)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _ask(self, word):
        self.client.stdin.write(word + b"\n")
        self.client.stdin.flush()
        return Report(json.loads(read_line(self.client, 10)))

    def report(self):
        return self._ask(b"report")

    def mark(self):
        """Begin a new period: counts and stalls start at nothing."""
        return self._ask(b"mark")

    def calm(self):
        """Open no more short connections."""
        return self._ask(b"calm")

    def wait_up(self, timeout=10):
        """Until every connection has had an answer."""
        wait_for(lambda: self.report().moving() == self.total, timeout, "all connections move")

    def wait_moving(self, timeout):
        """Until every connection moved since the mark, or the time is over."""
        with contextlib.suppress(AssertionError):
            wait_for(lambda: self.report().moving() == self.total, timeout, "all move", 0.05)
        return self.report()

    def stop(self):
        """End both ends and return the last report."""
        last = self._ask(b"quit")
        self.client.wait(5)
        self.server.terminate()
        self.server.wait(5)
        return last


class Report:
    """State of all connections since the last mark."""

    def __init__(self, data):
        self.echo, self.bulk, self.churn = data["echo"], data["bulk"], data["churn"]

    @staticmethod
    def _moving(conns):
        return [c for c in conns if c["bytes"] > 0 and not c["error"]]

    def moving(self):
        return self.echo_moving() + self.bulk_moving()

    def echo_moving(self):
        return len(self._moving(self.echo))

    def bulk_moving(self):
        return len(self._moving(self.bulk))

    def stall(self):
        return max((c["stall"] for c in self.echo + self.bulk), default=0.0)

    def silent(self, seconds):
        """True if nothing has arrived anywhere for so long."""
        return all(c["silent"] > seconds for c in self.echo + self.bulk)

    def stuck(self):
        """Ports of the connections that do not move."""
        return [c["port"] for c in self.echo + self.bulk if c["bytes"] == 0 or c["error"]]


# --- single flows, made by this process ---

def udp_flow(lab, server, port, rounds=1):
    """A request and its answer, from `port` to port 53 of the server."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    make = lambda: socket.socket(family, socket.SOCK_DGRAM)     # noqa: E731
    with lab.ns["sv"].socket(make) as far, lab.ns["cl"].socket(make) as near:
        far.settimeout(5)
        near.settimeout(5)
        far.bind((server, 53))
        near.bind(("", port))
        near.connect((server, 53))
        for _ in range(rounds):
            near.send(b"question")
            question, peer = far.recvfrom(100)
            far.sendto(question, peer)
            near.recv(100)


@contextlib.contextmanager
def tcp_flow(lab, server, port, to=8000):
    """An established connection while the context lasts."""
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    make = lambda: socket.socket(family, socket.SOCK_STREAM)    # noqa: E731
    with lab.ns["sv"].socket(make) as listener, lab.ns["cl"].socket(make) as near:
        for sock in (listener, near):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.settimeout(5)
        listener.bind((server, to))
        listener.listen()
        near.bind(("", port))
        near.connect((server, to))
        far, _ = listener.accept()
        with far:
            far.settimeout(5)
            near.send(b"hello")
            far.send(far.recv(100))
            near.recv(100)
            yield near, far


def _checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def ping_flow(lab, server, ident):
    """One echo request with the given identifier, and its answer."""
    v6 = ":" in server
    family, proto = ((socket.AF_INET6, socket.IPPROTO_ICMPV6) if v6 else
                     (socket.AF_INET, socket.IPPROTO_ICMP))
    request, reply, skip = (128, 129, 0) if v6 else (8, 0, 20)
    packet = struct.pack("!BBHHH8s", request, 0, 0, ident, 1, b"conntrck")
    if not v6:      # the kernel fills in the one of ICMPv6
        packet = packet[:2] + struct.pack("!H", _checksum(packet)) + packet[4:]
    with lab.ns["cl"].socket(lambda: socket.socket(family, socket.SOCK_RAW, proto)) as sock:
        sock.settimeout(5)
        sock.sendto(packet, (server, 0))
        while True:
            answer = sock.recv(1500)[skip:]
            if answer[0] == reply and struct.unpack("!H", answer[4:6])[0] == ident:
                return
