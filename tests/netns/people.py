#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What is for people and monitoring: JSON, filters, status, health, long names."""
import json
import signal
import sys

from harness import main, test
from netns import wait_for
from scenario import keys, one_of_each, start_pair

LONG = {"-c": "--commit", "-f": "--flush-cache", "-F": "--flush-kernel", "-R": "--resync-kernel",
        "-B": "--bulk", "-n": "--request-resync", "-t": "--purge"}
REPORTS = ("ct", "expect", "network", "cache", "runtime", "link", "rsqueue", "queue", "process")


def replicated(lab, expected):
    wait_for(lambda: keys(lab.b, "-e") == expected, 20, "-e on b lists the flows")


def ask(node, *args):
    """The answer as a Python value."""
    return json.loads(node.daemon.ok(*args, "--json"))


@test()
def long_names(ctx):
    """Every command has a long name that does the same."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd)
        with one_of_each(lab) as expected:
            replicated(lab, expected)
            assert keys(lab.a, "--dump-internal") == expected
            assert keys(lab.b, "--dump-external") == expected
            for name in LONG.values():
                lab.b.daemon.ok(name)
            assert lab.a.daemon.ok("--stats", "network").startswith("network statistics:")
            lab.a.daemon.ok("--kill")
            assert lab.a.daemon.wait_end() == 0


@test()
def json_listings(ctx):
    """A listing in JSON has the entries of the text, with the reply direction on both nodes."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd)
        with one_of_each(lab) as expected:
            replicated(lab, expected)
            for node, option in ((lab.a, "-i"), (lab.b, "-e")):
                flows = ask(node, option)
                assert len(flows) == len(expected), f"{option}: {flows}"
                nated = [f for f in flows if f["reply"]["dst"] == "10.20.0.254"]
                assert nated and all(f["orig"]["src"] == "10.10.0.10" for f in nated), nated
                assert any(f.get("state") == "ESTABLISHED" and f["assured"] for f in flows)
            assert ask(lab.a, "-e") == [] and ask(lab.a, "-i", "expect") == []


@test()
def json_reports(ctx):
    """Each report in JSON has the figures of its text."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd)
        with one_of_each(lab) as expected:
            replicated(lab, expected)
            answers = {word: ask(lab.a, "-s", word) for word in REPORTS}
            assert answers["cache"]["caches"]["internal"]["active"] == len(expected)
            assert answers["ct"]["caches"]["external"]["active"] == 0
            assert answers["network"]["messages"]["malformed"] == 0
            assert answers["link"]["links"][0]["state"] == "running"
            assert answers["runtime"]["kernel"]["events"] > 0
            assert answers["queue"]["rsqueue"]["max"] > 0
            commit = ask(lab.b, "-c")
            assert commit["started"] and commit["finished"], commit
            assert commit["flows"]["created"] == len(expected), commit
            again = ask(lab.b, "-c")
            assert again["flows"]["created"] == 0, again
            assert again["flows"]["updated"] == len(expected), again


@test()
def filters(ctx):
    """--filter shows the matching entries only, in text and in JSON, and refuses nonsense."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd)
        with one_of_each(lab) as expected:
            replicated(lab, expected)
            for node, option in ((lab.a, "-i"), (lab.b, "-e")):
                tcp = node.daemon.ok(option, "--filter", "proto tcp").splitlines()
                assert tcp and all(line.startswith("tcp ") for line in tcp), tcp
                other = node.daemon.ok(option, "--filter", "not proto tcp").splitlines()
                assert len(tcp) + len(other) == len(expected), (tcp, other)
                six = ask(node, option, "--filter", "addr fd00::/8")
                assert six and all(f["family"] == "ipv6" for f in six), six
            for wrong in (" ", "proto", "port 99999", "colour red", "addr 10.0.0.0/33"):
                result = lab.a.daemon.ctl("-i", "--filter", wrong)
                assert result.code == 1 and not result.out, f"{wrong!r}: {result}"


@test()
def health_of_a_stuck_daemon(ctx):
    """One that takes no request is critical; monitoring does not wait for ever."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd)
        lab.a.daemon.proc.send_signal(signal.SIGSTOP)
        try:
            result = lab.a.daemon.ctl("health")
        finally:
            lab.a.daemon.proc.send_signal(signal.SIGCONT)
        assert result.code == 2 and result.out.startswith("CRITICAL"), result
        assert result.seconds < 30, result


@test()
def status_and_health(ctx):
    """Roles follow the commands; a silent peer turns the verdict; no daemon is critical."""
    with ctx.lab() as lab:
        def verdict(node):
            return node.daemon.ctl("health").code

        lab.a.daemon.configure(ctx.ctd)
        result = lab.a.daemon.ctl("health")
        assert result.code == 2 and result.out.startswith("CRITICAL"), result
        start_pair(lab, ctx.ctd)
        wait_for(lambda: ask(lab.a, "status")["peers"][0]["state"] == "up", 20, "a hears b")
        assert verdict(lab.a) == 0
        assert ask(lab.a, "status")["role"] == "unknown"
        lab.a.daemon.ok("-c")
        lab.b.daemon.ok("-t")
        assert ask(lab.a, "status")["role"] == "primary"
        assert "role       backup for" in lab.b.daemon.ok("status")
        lab.b.daemon.crash()
        wait_for(lambda: verdict(lab.a) == 2, 30, "a notices that its peer is silent")
        problems = json.loads(lab.a.daemon.ctl("health", "--json").out)["problems"]
        assert problems[0]["text"].startswith("peer is silent for"), problems
        assert ask(lab.a, "status")["peers"][0]["silent"]


if __name__ == "__main__":
    sys.exit(main())
