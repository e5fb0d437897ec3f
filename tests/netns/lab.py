# SPDX-License-Identifier: GPL-2.0-or-later
"""A pair of firewalls in network namespaces.

        cl --- [left] --- a --- [right] --- sv
                  `------ b ------'             a and b also share sync0

Both bridges live in a namespace of their own, so pulling a node's plugs is
done on the switch and the node does not notice. On request a relay spoils the link
between a and b; see badlink.py. The floating addresses (.254)
are moved by hand: what a cluster manager does is `cut` and `take_over` here.
"""
import fcntl
import glob
import itertools
import os
import shutil
import signal
import tempfile
import time

from badlink import BadLink
from daemon import PORT, Daemon
from netns import RUN_DIR, Netns, TimedOut, batch, finish, wait_for
from traffic import Traffic

WORK_DIR = "/run"
PREFIX = "ctdlab"
NAMES = ("sw", "cl", "sv", "a", "b")
RELAY = "rl"            # only there when the lab has a relay
CONNTRACK_MAX = 65536   # at least
SERVER4, SERVER6 = "10.20.0.10", "fd20::10"
CLIENT4, CLIENT6 = "10.10.0.10", "fd10::10"
FLOATING = {"lan0": ("10.10.0.254/24", "fd10::fe/64"), "wan0": ("10.20.0.254/24", "fd20::fe/64")}

RULES = """
table inet fw {
    chain sync_in { type filter hook prerouting priority raw; iifname "sync0" notrack; }
    chain sync_out { type filter hook output priority raw; oifname "sync0" notrack; }
    chain local {
        type filter hook input priority filter; policy drop;
        iifname { "lo", "sync0" } accept
        icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, mld-listener-query } accept
        ct state invalid counter drop
        ct state established,related accept
    }
    chain routed {
        type filter hook forward priority filter; policy drop;
        ct state invalid counter drop
        ct state established,related counter accept
        iifname "lan0" ct state new tcp flags & (fin|syn|rst|ack) == syn counter accept
        iifname "lan0" ct state new meta l4proto { udp, icmp, icmpv6 } counter accept
        counter
    }
}
table ip masq {
    chain outside {
        type nat hook postrouting priority srcnat;
        oifname "wan0" ip saddr 10.10.0.0/24 snat to 10.20.0.254
    }
}
"""
# Before connection tracking and before the rule that exempts the link from it.
LOSS = """
table inet loss
delete table inet loss
table inet loss {{
    chain sync {{
        type filter hook prerouting priority -310;
        iifname != "sync0" accept
        meta l4proto {{ udp, tcp }} th dport {port} numgen random mod 100 < {percent} drop
    }}
}}
"""

_counter = itertools.count(1)


class NoRoom(Exception):
    """This machine does not let us have tables of the size wanted."""


class Node:
    """One of the two firewalls."""

    def __init__(self, name, number, ns):
        self.name, self.ns = name, ns
        self.left4, self.left6 = f"10.10.0.{number}", f"fd10::{number}"
        self.right4, self.right6 = f"10.20.0.{number}", f"fd20::{number}"
        self.sync4, self.sync6 = f"10.99.0.{number}", f"fd99::{number}"
        self.daemon = None

    def addresses(self):
        for dev, v4, v6 in (("lan0", self.left4, self.left6), ("wan0", self.right4, self.right6),
                            ("sync0", self.sync4, self.sync6)):
            yield f"address add {v4}/24 dev {dev}"
            yield f"address add {v6}/64 dev {dev} nodad"

    def loss(self, percent):
        """Lose that share of what comes in over the dedicated link."""
        self.ns.nft(LOSS.format(port=PORT, percent=percent))


class Lab:
    """Use as a context manager: whatever happens inside, all of it is removed."""

    def __init__(self, note=print, traffic=None, relay=None, relay_binary=None, flows=0):
        """`relay` are the arguments of BadLink; `flows` is how many one node will hold."""
        self.note = note
        self.traffic_binary = traffic
        self.relay_args, self.relay_binary = relay, relay_binary
        self.relay = None
        self.flows = flows
        self.names = NAMES + ((RELAY,) if relay is not None else ())
        self.name = f"{PREFIX}-{os.getpid()}-{next(_counter)}"
        self.ns, self.nodes = {}, {}
        self.folder = None
        self.lock = None

    # --- life ---

    def __enter__(self):
        start = time.monotonic()
        try:
            self._build()
        except BaseException:
            self.close()
            raise
        self.seconds = time.monotonic() - start
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            self._tell_logs()
        reports = self._reports()
        self.close()
        if kind is None and reports:
            raise AssertionError("a sanitizer reported:\n" + "\n".join(reports))

    def _build(self):
        self.folder = tempfile.mkdtemp(prefix=self.name + ".", dir=WORK_DIR)
        self.lock = os.open(os.path.join(self.folder, "lock"), os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        full = {name: f"{self.name}-{name}" for name in self.names}
        finish([batch(["ip", "-batch", "-"], [f"netns add {n}" for n in full.values()])])
        for name in self.names:
            self.ns[name] = Netns(full[name])
            # a node without link-local address sends no neighbour solicitation
            self.ns[name].sysctl(net__ipv6__conf__default__accept_dad=0)
        for number, name in enumerate("ab", 1):
            self.nodes[name] = Node(name, number, self.ns[name])
        self.a, self.b = self.nodes["a"], self.nodes["b"]
        self._wire(full)
        self._firewalls()
        wait_for(self._forwarding, 5, "all ports of the switch forward", 0.005)
        if self.relay_args is not None:
            self.relay = BadLink(self.ns[RELAY], self.relay_binary, **self.relay_args)
        for node, peer in ((self.a, self.b), (self.b, self.a)):
            node.daemon = Daemon(node, peer, self.folder)
        self._hold_addresses(self.a)

    def _wire(self, full):
        # The index must differ from the peer's: if both ends of a pair happen to have the same
        # one, the kernel takes up to a second to notice that the link is up.
        plug = "link add {} index {} netns {} type veth peer name {} netns {}".format
        lines = [plug(dev, index, full[name], f"{name}-{dev}", full["sw"]) for name, dev, index in
                 (("a", "lan0", 11), ("a", "wan0", 12), ("b", "lan0", 11), ("b", "wan0", 12),
                  ("cl", "lan0", 11), ("sv", "wan0", 12))]
        if self.relay_args is None:
            lines.append(plug("sync0", 13, full["a"], "sync0", full["b"]))
        else:
            self.ns[RELAY].sysctl(net__ipv6__conf__default__disable_ipv6=1)
            lines += [f"link add sync0 index 13 netns {full[name]} type veth "
                      f"peer name to-{name} index {index} netns {full[RELAY]}"
                      for index, name in enumerate("ab", 21)]
        finish([batch(["ip", "-batch", "-"], lines)])
        ports = {"left": ("a-lan0", "b-lan0", "cl-lan0"), "right": ("a-wan0", "b-wan0", "sv-wan0")}
        lines = [f"link add {br} type bridge forward_delay 0 mcast_snooping 0" for br in ports]
        lines += [f"link set {port} master {br} up" for br in ports for port in ports[br]]
        lines += [f"link set {br} up" for br in ports]
        jobs = [self.ns["sw"].ip_job(*lines)]
        if self.relay_args is not None:
            jobs.append(self.ns[RELAY].ip_job("link set to-a up", "link set to-b up"))
        for node in self.nodes.values():
            ups = [f"link set {dev} up" for dev in ("lo", "lan0", "wan0", "sync0")]
            jobs.append(node.ns.ip_job(*ups, *node.addresses()))
        jobs.append(self.ns["cl"].ip_job(*self._host("lan0", CLIENT4, CLIENT6, "10.10.0.254",
                                                     "fd10::fe")))
        jobs.append(self.ns["sv"].ip_job(*self._host("wan0", SERVER4, SERVER6, None, "fd20::fe")))
        finish(jobs)

    @staticmethod
    def _host(dev, v4, v6, gate4, gate6):
        lines = ["link set lo up", f"link set {dev} up", f"address add {v4}/24 dev {dev}",
                 f"address add {v6}/64 dev {dev} nodad", f"route add default via {gate6} dev {dev}"]
        return lines + ([f"route add default via {gate4}"] if gate4 else [])

    def _forwarding(self):
        ports = self.ns["sw"].run(["bridge", "link"]).stdout
        return ports.count("state forwarding") == 6

    def _firewalls(self):
        jobs = []
        for node in self.nodes.values():
            with node.ns.inside():
                jobs.append(batch(["nft", "-f", "-"], [RULES]))
        finish(jobs)
        for node in self.nodes.values():
            # after the rules: they load connection tracking
            node.ns.sysctl(net__ipv4__ip_forward=1, net__ipv6__conf__all__forwarding=1,
                           net__ipv4__conf__all__rp_filter=0,
                           net__netfilter__nf_conntrack_tcp_loose=0,
                           net__netfilter__nf_conntrack_tcp_be_liberal=0,
                           net__netfilter__nf_conntrack_events=1)
        try:
            _raise_conntrack_max(max(CONNTRACK_MAX, 3 * self.flows))
        except NoRoom:
            if self.flows:
                raise

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

    def _tell_logs(self):
        for node in self.nodes.values():
            for line in node.daemon.last_words() if node.daemon else ():
                self.note(f"{node.name}: {line}")
        for text in self._reports():
            self.note(text)

    def _reports(self):
        return [text for node in self.nodes.values() if node.daemon
                for text in node.daemon.reports()]

    # --- roles ---

    def _hold_addresses(self, node):
        lines = [f"address add {addr} dev {dev}{' nodad' if ':' in addr else ''}"
                 for dev in FLOATING for addr in FLOATING[dev]]
        node.ns.ip(*lines)

    def cut(self, node):
        """Power loss as the others see it: no carrier on the link, no ports."""
        finish([self.ns["sw"].ip_job(f"link set {node.name}-lan0 down",
                                     f"link set {node.name}-wan0 down"),
                node.ns.ip_job("link set sync0 down")])

    def revive(self, node, empty=True):
        """Power is back: a node with an empty table and without the floating addresses.

        Not `empty`: only its cables were pulled.
        """
        lines = [f"address del {addr} dev {dev}" for dev in FLOATING for addr in FLOATING[dev]]
        node.ns.ip(*lines, "link set sync0 up", f"address add {node.sync6}/64 dev sync0 nodad")
        if empty:
            node.ns.run(["conntrack", "-F"])
        self.ns["sw"].ip(f"link set {node.name}-lan0 up", f"link set {node.name}-wan0 up")
        wait_for(self._forwarding, 5, "all ports of the switch forward", 0.005)

    def take_over(self, node, commands=("-c", "-f", "-R", "-B")):
        """What a cluster manager does: addresses, announcement, commands."""
        self._hold_addresses(node)
        finish([self.ns[n].ip_job("neigh flush all") for n in ("cl", "sv")])
        results = {}
        for word in commands:
            results[word] = node.daemon.ctl(word)
        return results

    # --- load ---

    def traffic(self, echo=20, bulk=12, churn=0, server=SERVER4):
        return Traffic(self.traffic_binary, self.ns["cl"], self.ns["sv"], server, echo, bulk, churn)

    @staticmethod
    def _views(owner, backup):
        return [{(f.key, f.state) for f in node.daemon.flows(option)}
                for node, option in ((owner, "-i"), (backup, "-e"))]

    def in_step(self, owner=None, backup=None):
        """True if the backup's external view is exactly the owner's own flows and states."""
        mine, theirs = self._views(owner or self.a, backup or self.b)
        return mine and mine == theirs

    def wait_in_step(self, timeout=10, owner=None, backup=None):
        """Returns the seconds it took."""
        owner, backup = owner or self.a, backup or self.b
        start = time.monotonic()
        try:
            wait_for(lambda: self.in_step(owner, backup), timeout, "backup in step", 0.05)
        except TimedOut as late:
            mine, theirs = self._views(owner, backup)
            raise TimedOut(f"{late} ({len(mine - theirs)} of {len(mine)} flows missing, "
                           f"{len(theirs - mine)} too many)") from None
        return time.monotonic() - start


def _raise_conntrack_max(wanted):
    """One limit for the whole machine; only the first namespace may set it."""
    path = "/proc/sys/net/netfilter/nf_conntrack_max"
    with open(path, encoding="ascii") as f:
        if int(f.read()) >= wanted:
            return
    try:
        with open(path, "w", encoding="ascii") as f:
            f.write(str(wanted))
    except OSError as why:
        raise NoRoom(f"the kernel's tables cannot hold {wanted} flows: {why}") from None


def _namespaces(name):
    """Names of those that a lab has made."""
    return [os.path.basename(path) for path in glob.glob(os.path.join(RUN_DIR, name + "-*"))]


def remove(name, folder):
    """Remove what is left of a lab."""
    present = _namespaces(name)
    if present:
        finish([batch(["ip", "-force", "-batch", "-"], [f"netns del {n}" for n in present])])
    if folder:
        shutil.rmtree(folder, ignore_errors=True)


def sweep():
    """Remove labs whose process was killed: nobody holds their lock any more."""
    for folder in glob.glob(os.path.join(WORK_DIR, PREFIX + "-*")):
        try:
            fd = os.open(os.path.join(folder, "lock"), os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue
        else:
            name = os.path.basename(folder).split(".")[0]
            for long in _namespaces(name):
                Netns(long).close()
            remove(name, folder)
        finally:
            os.close(fd)
