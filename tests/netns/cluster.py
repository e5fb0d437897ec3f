# SPDX-License-Identifier: GPL-2.0-or-later
"""Up to four nodes on one wire, each with flows of its own.

        a --- b --- c --- d          10.99.0.1 to 10.99.0.4 on a common bridge

No traffic crosses a node: its flows are put into its kernel by a program. What
counts is whose flows are listed where.
"""
import fcntl
import os
import signal
import tempfile
import time

from daemon import EVENTS, Daemon, Flow
from lab import PREFIX, WORK_DIR, remove
from netns import Netns, TimedOut, batch, finish, wait_for

SWITCH, NAMES = "sw", "abcd"
RULES = """
table inet wire {
    chain sync_in { type filter hook prerouting priority raw; iifname "sync0" notrack; }
    chain sync_out { type filter hook output priority raw; oifname "sync0" notrack; }
    chain known { type filter hook input priority filter; ct state invalid counter; }
}
"""
CONFIG = """Sync {{
{sync}
}}
General {{
    HashLimit 65536
    Syslog off
    LogFile {log}
    LockFile {lock}
    UNIX {{
        Path {ctl}
    }}
    {events}
    Filter From Userspace {{
        Address Ignore {{
            IPv4_address 127.0.0.0/8
            IPv4_address 10.99.0.0/24
        }}
    }}
}}
"""
MODE = "    Mode FTFW {\n        StartupResync on\n    }"
LINK = """{kind} {{
            IPv4_address {own}
            IPv4_Destination_Address {peer}
            Port {port}
            Interface sync0
        }}"""


class Node:
    """A node and its daemon; its flows are numbered from `oldest` to before `next`."""

    def __init__(self, name, ns, folder):
        self.name, self.ns = name, ns
        self.number = NAMES.index(name) + 1
        self.address = f"10.99.0.{self.number}"
        self.daemon = Daemon(self, None, folder)
        self.peers, self.named = [], True
        self.oldest = self.next = self.number << 20

    def configure(self, binary, peers, named=True, own_ports=False, kind="UDP"):
        """Write the configuration: a block for each peer, or the link to the only one."""
        blocks = [MODE]
        for peer in peers:
            port = 3700 + 10 * min(self.number, peer.number) + max(self.number, peer.number)
            link = LINK.format(kind=kind, own=self.address, peer=peer.address,
                               port=port if own_ports else 3780)
            blocks.append(f"    Peer {peer.name} {{\n        {link}\n    }}" if named else link)
        self.peers, self.named, self.daemon.binary = list(peers), named, binary
        files = {word: self.daemon.path(word) for word in ("log", "lock", "ctl")}
        with open(self.daemon.path("conf"), "w", encoding="ascii") as f:
            f.write(CONFIG.format(sync="\n".join(blocks), events=EVENTS, **files))

    def count(self):
        """How many flows its kernel has."""
        return self.next - self.oldest

    def owned(self):
        """Keys of the flows in the internal cache."""
        return self._listed("-i")

    def known(self, *args):
        """Keys of the flows in the external cache; "--peer", NAME for those of one peer."""
        return self._listed("-e", *args)

    def _listed(self, *args):
        return {Flow(line).key for line in self.daemon.ok(*args).splitlines()}


class Cluster:
    """Use as a context manager. `flowgen` is the program that makes flows."""

    def __init__(self, count, flowgen, note=print):
        self.note, self.flowgen = note, flowgen
        self.name = f"{PREFIX}-{os.getpid()}-{count}"
        self.names = NAMES[:count]
        self.ns, self.nodes = {}, {}
        self.folder = self.lock = None

    # --- life ---

    def __enter__(self):
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, value, trace):
        reports = [text for node in self.nodes.values() for text in node.daemon.reports()]
        if kind is not None:
            for node in self.nodes.values():
                for line in node.daemon.last_words():
                    self.note(f"{node.name}: {line}")
        self.close()
        if reports:
            raise AssertionError("a sanitizer reported:\n" + "\n".join(reports))

    def _build(self):
        self.folder = tempfile.mkdtemp(prefix=self.name + ".", dir=WORK_DIR)
        self.lock = os.open(os.path.join(self.folder, "lock"), os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        full = {name: f"{self.name}-{name}" for name in (SWITCH, *self.names)}
        finish([batch(["ip", "-batch", "-"], [f"netns add {n}" for n in full.values()])])
        for name, long in full.items():
            self.ns[name] = Netns(long)
        self.nodes = {name: Node(name, self.ns[name], self.folder) for name in self.names}
        finish([batch(["ip", "-batch", "-"],
                      [f"link add sync0 index 11 netns {full[name]} type veth "
                       f"peer name port-{name} netns {full[SWITCH]}" for name in self.names])])
        self.ns[SWITCH].ip("link add wire type bridge forward_delay 0 mcast_snooping 0",
                           *(f"link set port-{name} master wire up" for name in self.names),
                           "link set wire up")
        for node in self.nodes.values():
            node.ns.ip("link set lo up", "link set sync0 up",
                       f"address add {node.address}/24 dev sync0")
            node.ns.nft(RULES)
            node.ns.sysctl(net__netfilter__nf_conntrack_events=1)
        wait_for(lambda: self.ns[SWITCH].run(["bridge", "link"]).stdout.count("state forwarding")
                 == len(self.names), 5, "all ports of the switch forward", 0.005)

    def close(self):
        """Remove everything. A second signal must not stop this."""
        old = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        try:
            for ns in self.ns.values():
                ns.close()
            self.ns.clear()
            remove(self.name, self.folder)
            if self.lock is not None:
                os.close(self.lock)
                self.lock = None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, old)

    # --- what happens in it ---

    def start(self):
        for node in self.nodes.values():
            node.daemon.start(wait=False)
        for node in self.nodes.values():
            node.daemon.wait_up()

    def stop(self):
        for node in self.nodes.values():
            status = node.daemon.stop()
            assert status == 0, f"daemon {node.name} ends with {status}"

    def generate(self, node, word, count, rate):
        """Start to create or delete flows at this rate; the caller waits and counts."""
        return node.ns.start([self.flowgen, word, str(count), str(rate), str(node.next)])

    def create(self, node, count):
        self._generate(node, "create", count, node.next)
        node.next += count

    def delete(self, node, count):
        """Delete the oldest ones."""
        self._generate(node, "delete", count, node.oldest)
        node.oldest += count

    def _generate(self, node, word, count, first):
        done = node.ns.run([self.flowgen, word, str(count), "0", str(first)])
        assert done.returncode == 0, f"{node.name}: {word} {count}: {done.stdout}{done.stderr}"

    def differences(self):
        """What the caches lack, or have too much, against kernels and owners' caches.

        A node with a peer without name runs the reference. It keeps what ended while the peer
        was down, and nothing on the wire makes it drop that.
        """
        owned = {node.name: node.owned() for node in self.nodes.values()}
        found = [f"{node.name} lists {len(owned[node.name])} flows and has {node.count()}"
                 for node in self.nodes.values() if len(owned[node.name]) != node.count()]
        for node in self.nodes.values():
            for peer in node.peers:
                known = node.known(*(("--peer", peer.name) if node.named else ()))
                missing = len(owned[peer.name] - known)
                extra = len(known - owned[peer.name]) if node.named else 0
                if missing or extra:
                    found.append(f"{node.name} lacks {missing} and has {extra} too many "
                                 f"of {len(owned[peer.name])} flows of {peer.name}")
        return found

    def wait_in_step(self, limit):
        """Wait until there are no differences. Returns the seconds it took."""
        start = time.monotonic()
        try:
            wait_for(lambda: not self.differences(), limit, "all caches in step", 0.1)
        except TimedOut as late:
            raise TimedOut("; ".join([str(late), *self.differences()])) from None
        return time.monotonic() - start
