#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Every configuration that is shipped, and every sample of the language, on a real kernel.

Each gets a namespace with the devices and addresses it names, starts, answers `-s`,
stops on `-k`. What `check` says of a namespace with and without what is needed.
"""
import contextlib
import glob
import os
import re
import sys

from cluster import Cluster
from harness import ROOT, main, test
from netns import wait_for

FOLDERS = re.compile(r"/var/(log|lock|run)/")
LINK = re.compile(r"(UDP|TCP|Multicast)(?: Default)? \{(.*?)\}", re.S)


def effective(node, binary, path):
    done = node.ns.run([binary, "check", "--print", "-C", path])
    assert done.returncode in (0, 2), f"{path}: {done.stderr}"
    return done.stdout


def clause(block, name):
    return re.findall(rf"^\s*{name} (\S+)$", block, re.M)


def own_addresses(kind, block):
    """What must be on the device of a link."""
    if kind == "Multicast":
        return clause(block, "IPv4_interface") or ["10.99.0.1"]
    return clause(block, "IPv4_address") + clause(block, "IPv6_address")


def equip(node, text):
    """Devices with the addresses of the links; sync0 is there already."""
    present = {"sync0"}
    for kind, block in LINK.findall(text):
        device = clause(block, "Interface")[0]
        if device not in present:
            node.ns.ip(f"link add {device} type veth peer name {device}-end",
                       f"link set {device} up", f"link set {device}-end up")
        present.add(device)
        for address in own_addresses(kind, block):
            with contextlib.suppress(RuntimeError):     # it may be there
                node.ns.ip(f"address add {address}/{64 if ':' in address else 24} dev {device}"
                           f"{' nodad' if ':' in address else ''}")


def prepare(c, node, binary, source):
    """The file with its paths in our folder; the effective text."""
    with open(source, encoding="utf-8") as f:
        text = FOLDERS.sub(c.folder + "/", f.read())
    # The later statement counts, and what is not given has its place on the real system.
    text += (f"General {{ LockFile {node.daemon.path('lock')}\n"
             f"UNIX {{ Path {node.daemon.path('ctl')}\n}} }}\n")
    with open(node.daemon.path("conf"), "w", encoding="utf-8") as f:
        f.write(text)
    node.daemon.binary = binary
    return effective(node, binary, node.daemon.path("conf"))


def all_files():
    found = sorted(glob.glob(os.path.join(ROOT, "configs/*.conf")) +
                   glob.glob(os.path.join(ROOT, "tests/golden/config/*.conf")))
    assert len(found) >= 14, found
    return found


@test(limit=180)
def configs_start(ctx):
    """Shipped files and samples: start, -s, -k."""
    for source in all_files():
        with Cluster(1, ctx.flowgen, ctx.note) as c:
            node = c.nodes["a"]
            equip(node, prepare(c, node, ctx.ctd, source))
            node.daemon.start()
            # What has no Sync section has nothing to report but this.
            assert node.daemon.ok("-s", "runtime"), f"{source}: no report"
            node.daemon.ok("-s")
            node.daemon.ok("-k")
            status = node.daemon.wait_end()
            assert status == 0, f"{source}: ends with {status}"
            ctx.note(os.path.relpath(source, ROOT))


def check(node, binary):
    done = node.ns.run([binary, "check", "-C", node.daemon.path("conf")])
    return done.returncode, done.stdout


@test(limit=90)
def check_host(ctx):
    """Each thing that is wrong with the host is found, and only while it is wrong."""
    with Cluster(2, ctx.flowgen, ctx.note) as c:
        a, b = c.nodes["a"], c.nodes["b"]
        a.configure(ctx.ctd, [b])
        b.configure(ctx.ctd, [a])
        with open(a.daemon.path("conf"), encoding="ascii") as f:
            text = f.read().replace("HashLimit 65536", "HashLimit 2000000000")
        with open(a.daemon.path("conf"), "w", encoding="ascii") as f:
            f.write(text)
        code, out = check(a, ctx.ctd)
        assert code == 0, out
        assert "whether it is exempt from tracking shows only while" in out, out
        for wrong, right, words, verdict in (
                ("link set sync0 down", "link set sync0 up", "the device is down", 2),
                ("link set sync0 mtu 600", "link set sync0 mtu 1500", "an MTU of 600", 2),
                ("address del 10.99.0.1/24 dev sync0", "address add 10.99.0.1/24 dev sync0",
                 "is no address of this host", 1)):
            a.ns.ip(wrong)
            code, out = check(a, ctx.ctd)
            assert code == verdict and words in out, f"{wrong}: {code}\n{out}"
            a.ns.ip(right)
            wait_for(lambda: check(a, ctx.ctd)[0] == 0, 20, f"all is well after: {right}", 0.2)
        for value, verdict in (("0", 1), ("2", 2), ("1", 0)):
            a.ns.sysctl(net__netfilter__nf_conntrack_events=value)
            code, out = check(a, ctx.ctd)
            assert code == verdict, f"events {value}: {code}\n{out}"


@test(limit=90)
def check_running(ctx):
    """With the daemon at work it shows whether the link is exempt from tracking."""
    with Cluster(2, ctx.flowgen, ctx.note) as c:
        a, b = c.nodes["a"], c.nodes["b"]
        a.configure(ctx.ctd, [b])
        b.configure(ctx.ctd, [a])
        c.start()
        code, out = check(a, ctx.ctd)
        assert "a daemon is running" in out and "tracks its packets" not in out, out
        assert "only while the daemon runs" not in out, out
        for node in (a, b):
            node.ns.nft("delete chain inet wire sync_in; delete chain inet wire sync_out")
        wait_for(lambda: "tracks its packets" in check(a, ctx.ctd)[1], 20, "missing notrack is seen",
                 0.2)
        c.stop()


@test(limit=60)
def check_multicast(ctx):
    """A daemon whose group the device has left."""
    with Cluster(1, ctx.flowgen, ctx.note) as c:
        node = c.nodes["a"]
        prepare(c, node, ctx.ctd, os.path.join(ROOT, "configs/notrack.conf"))
        with open(node.daemon.path("conf"), encoding="utf-8") as f:
            text = f.read()
        assert "Multicast" in text, "notrack.conf has no group"
        equip(node, effective(node, ctx.ctd, node.daemon.path("conf")))
        node.daemon.start()
        assert "member of the group" not in check(node, ctx.ctd)[1]
        node.ns.ip("link set sync0 down", "link set sync0 multicast off")
        assert "carries no multicast" in check(node, ctx.ctd)[1]
        assert node.daemon.stop() == 0


if __name__ == "__main__":
    sys.exit(main())
