#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The whole arrangement as it is installed: keepalived decides who is primary, and the shipped
script tells the daemon. Nobody else lends a hand.
"""
import contextlib
import os
import re
import signal
import subprocess
import sys

from harness import ROOT, main, test
from netns import wait_for
from programs import need
from scenario import BULK, ECHO, RECOVERY, all_survive, power_loss, start_pair, wait_full_flow

SAMPLES = os.path.join(ROOT, "configs", "keepalived")
ADDRESSES = {"192.0.2.1/24": "10.10.0.254/24", "198.51.100.1/24": "10.20.0.254/24"}
INSTALLED = "/etc/conntrackd/notify.sh"
NOTICE = 15         # seconds until the other node's keepalived has noticed, at most


def sample():
    with open(os.path.join(SAMPLES, "keepalived.conf"), encoding="ascii") as f:
        return f.read()


class Keepalived:
    """keepalived on one node, with the sample's words but for the addresses of the lab."""

    def __init__(self, ctx, node, priority):
        self.node = node
        self.proc = None
        text = sample().replace(INSTALLED, node.daemon.path("notify"))
        for shipped, ours in ADDRESSES.items():
            assert shipped in text, f"{shipped} is not in the sample"
            text = text.replace(shipped, ours)
        text, found = re.subn(r"priority 150", f"priority {priority}", text)
        assert found == 2, "the sample has another priority"
        self._write("vrrp", text, 0o600)
        # what the script needs to know of the lab
        self._write("notify", "\n".join([
            "#!/bin/sh", f"export CONNTRACKD={ctx.ctd} CONFIG={node.daemon.path('conf')}",
            f"export LOCKFILE={node.daemon.path('lock')} RUNDIR={node.daemon.path('run')}",
            f"exec sh {os.path.join(SAMPLES, 'notify.sh')} \"$@\"", ""]), 0o700)

    def _write(self, name, text, mode):
        fd = os.open(self.node.daemon.path(name), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(fd, "w", encoding="ascii") as f:
            f.write(text)

    def start(self):
        path = self.node.daemon.path
        with open(path("vrrp.out"), "ab") as out:
            self.proc = self.node.ns.start(
                [need("keepalived"), "--dont-fork", "--log-console", "--log-detail", "--no-syslog",
                 "--vrrp", "--use-file", path("vrrp"), "--pid", path("vrrp.pid"),
                 "--vrrp_pid", path("vrrp.child")], stdout=out, stderr=subprocess.STDOUT)
        return self

    def crash(self):
        """All of it at once, so that no part can say farewell."""
        os.killpg(self.proc.pid, signal.SIGKILL)
        self.proc.wait()

    def words(self):
        with contextlib.suppress(OSError), open(self.node.daemon.path("vrrp.out"),
                                                encoding="utf-8", errors="replace") as f:
            return f.read()
        return ""

    def holds(self):
        """Are both addresses here?"""
        shown = self.node.ns.run(["ip", "-4", "address", "show"]).stdout
        return all(address.split("/")[0] + "/" in shown for address in ADDRESSES.values())


@test()
def keepalived_accepts_the_sample(ctx):
    """The shipped file, as it is, on a machine with both interfaces."""
    with ctx.lab() as lab:
        done = lab.a.ns.run([need("keepalived"), "--config-test",
                             "--use-file", os.path.join(SAMPLES, "keepalived.conf")])
        assert done.returncode == 0 and not done.stdout + done.stderr, done


@test(limit=120)
def keepalived_there_and_back(ctx):
    """Power loss of the primary, its return as a backup, power loss of the other one."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd)
        lab.a.ns.ip(*[f"address del {address} dev {dev}" for dev, address in
                      zip(("lan0", "wan0"), ADDRESSES.values())])
        managers = {}
        for node, priority in ((lab.a, 150), (lab.b, 100)):
            node.ns.nft("insert rule inet fw local ip protocol vrrp accept")
            managers[node] = Keepalived(ctx, node, priority)

        def taken(node):
            wait_for(managers[node].holds, NOTICE, f"{node.name} has the addresses", 0.05)

        def lost(old, new):
            managers[old].crash()
            power_loss(lab, traffic, old)
            taken(new)
            before = traffic.mark().stall()
            report = traffic.wait_moving(RECOVERY)
            lab.note(f"{new.name}: {report.echo_moving()} of {len(report.echo)} connections and "
                     f"{report.bulk_moving()} of {len(report.bulk)} downloads survive, longest "
                     f"stall {max(before, report.stall()):.1f} s")
            all_survive(lab, traffic, report)

        try:
            managers[lab.a].start()
            taken(lab.a)        # not before that b begins to wait for it
            managers[lab.b].start()
            traffic = lab.traffic(ECHO, BULK)
            wait_full_flow(traffic)
            lab.wait_in_step()
            assert not managers[lab.b].holds(), "both have the addresses"
            lost(lab.a, lab.b)
            lab.revive(lab.a)
            lab.a.daemon.restart_after_power_loss()
            managers[lab.a].start()
            lab.wait_in_step(NOTICE, owner=lab.b, backup=lab.a)
            assert not managers[lab.a].holds(), "a did not wait until it is needed"
            lost(lab.b, lab.a)
        except BaseException:
            for manager in managers.values():
                for line in manager.words().splitlines()[-15:]:
                    lab.note(f"keepalived {manager.node.name}: {line}")
            raise


if __name__ == "__main__":
    sys.exit(main())
