# SPDX-License-Identifier: GPL-2.0-or-later
"""The main story, told by several tests and by the demonstration:

a pair of firewalls, live connections through the primary, its power fails, the
backup takes over. What counts is which connections move afterwards.
"""
import contextlib
import subprocess
import time

from lab import CLIENT4, CLIENT6, SERVER4, SERVER6
from netns import wait_for
from traffic import ping_flow, tcp_flow, udp_flow

ECHO, BULK = 20, 12
FULL_FLOW = 20_000_000      # bytes of each download before the primary is cut off
RECOVERY = 15               # seconds for the last connection to move again
PRIMARY = ("-c", "-f", "-R", "-B")


def start_pair(lab, binary_a, binary_b=None, **config):
    """Both daemons with the same configuration, up and answering, over TCP connected too."""
    for node, binary in ((lab.a, binary_a), (lab.b, binary_b or binary_a)):
        node.daemon.configure(binary, **config).start(wait=False)
    for node in (lab.a, lab.b):
        node.daemon.wait_up()
    if config.get("transport", "").startswith("tcp"):
        wait_connected(lab)


def wait_connected(lab):
    """Over TCP: wait for both connections on the link in use."""
    for node in (lab.a, lab.b):
        wait_for(lambda n=node: "server=connected client=connected" in n.daemon.ok("-s"),
                 20, f"{node.name} is connected both ways", 0.05)


def begin_commit(node):
    """Start -c; its process, when the daemon has begun to do it."""
    def begun():
        return sum("] committing " in line for line in node.daemon.last_words(100000))
    before = begun()
    commit = node.ns.start([node.daemon.binary, "-C", node.daemon.path("conf"), "-c"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wait_for(lambda: begun() > before, 20, "the commit is under way", 0.002)
    return commit


def wait_full_flow(traffic):
    """Wait until every connection is busy."""
    def busy():
        report = traffic.report()
        return (all(c["answers"] > 5 for c in report.echo) and
                all(c["bytes"] > FULL_FLOW for c in report.bulk))
    traffic.wait_up()
    wait_for(busy, 20, "all connections in full flow", 0.05)


def power_loss(lab, traffic, node):
    """The node is gone; wait until nothing that was on its way arrives any more."""
    lab.cut(node)
    if node.daemon.proc:
        node.daemon.crash()
    traffic.mark()
    wait_for(lambda: traffic.report().silent(0.03), 5, "silence after the power loss", 0.01)


def fail_over(lab, traffic, commands=PRIMARY, gap=0.0, recovery=RECOVERY, old=None, new=None):
    """Cut the old primary, promote the new. Returns what moved since, and the longest stall.

    `gap` is the time a cluster manager needs to notice.
    """
    old, new = old or lab.a, new or lab.b
    power_loss(lab, traffic, old)
    time.sleep(gap)
    results = lab.take_over(new, commands)
    for word, result in results.items():
        assert result.code == 0, f"{word} exits {result.code}: {result.err}"
    before = traffic.mark().stall()
    report = traffic.wait_moving(recovery)
    stall = max(before, report.stall())
    lab.note(f"{report.echo_moving()} of {len(report.echo)} connections and "
             f"{report.bulk_moving()} of {len(report.bulk)} downloads survive, longest stall "
             f"{stall:.3f} s, commands {sum(r.seconds for r in results.values()):.3f} s")
    return report, stall


def all_survive(lab, traffic, report):
    """They moved after the takeover; they must also keep moving."""
    assert not report.stuck(), explain(lab, report)
    traffic.mark()
    report = traffic.wait_moving(5)
    assert not report.stuck(), "stuck later: " + explain(lab, report)


def explain(lab, report):
    """What b's kernel knows of the connections that died."""
    listing = lab.b.ns.run(["conntrack", "-L"]).stdout.splitlines()
    lines = [f"{report.echo_moving()} + {report.bulk_moving()} survive"]
    for port in report.stuck():
        known = [line for line in listing if f"sport={port} " in line]
        lines.append(f"port {port}: " + (known or ["no state in the kernel of b"])[0])
    return "\n".join(lines)


def survive(ctx, lab, binaries=None, gap=0.0, server=None, **config):
    """The whole story; every connection must survive."""
    start_pair(lab, *(binaries or [ctx.ctd]), **config)
    traffic = lab.traffic(ECHO, BULK, **({"server": server} if server else {}))
    wait_full_flow(traffic)
    lab.note(f"in step after {lab.wait_in_step():.2f} s")
    report, _ = fail_over(lab, traffic, gap=gap)
    all_survive(lab, traffic, report)
    traffic.stop()
    status = lab.b.daemon.stop()
    assert status == 0, f"daemon b ends with {status}"


# --- a few known flows, for tests of what is listed ---

@contextlib.contextmanager
def one_of_each(lab):
    """Flows with known ports and numbers while the context lasts."""
    with tcp_flow(lab, SERVER4, 4001), tcp_flow(lab, SERVER6, 4002):
        udp_flow(lab, SERVER4, 4003)
        udp_flow(lab, SERVER6, 4004)
        ping_flow(lab, SERVER4, 4005)
        ping_flow(lab, SERVER6, 4006)
        yield {
            ("tcp", f"src={CLIENT4} dst={SERVER4} sport=4001 dport=8000"),
            ("tcp", f"src={CLIENT6} dst={SERVER6} sport=4002 dport=8000"),
            ("udp", f"src={CLIENT4} dst={SERVER4} sport=4003 dport=53"),
            ("udp", f"src={CLIENT6} dst={SERVER6} sport=4004 dport=53"),
            ("icmp", f"src={CLIENT4} dst={SERVER4} type=8 code=0 id=4005"),
            ("icmpv6", f"src={CLIENT6} dst={SERVER6} type=128 code=0 id=4006"),
        }


def keys(node, option):
    return {flow.key for flow in node.daemon.flows(option)}
