#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The filter on a real kernel: both spellings, long lists, states, and what -F and -t spare."""
import re
import sys

from cluster import Cluster
from harness import main, test
from netns import wait_for
from reload import reload, rewrite

WHERE = "Filter From Userspace"
IGNORE = "IPv4_address 10.99.0.0/24"
KNOWN = "10.5.0.1"           # never ignored
LONG = 200                   # the reference leaks from the 86th on


def host(n):
    return f"10.6.{n >> 8}.{n & 255}"


def insert(node, source, port, state="ESTABLISHED", reply=None):
    argv = ["conntrack", "-I", "-p", "tcp", "-s", source, "-d", "192.0.2.1", "--sport", str(port),
            "--dport", "80", "--state", state, "-t", "1000", "-u", "ASSURED,SEEN_REPLY"]
    if reply:
        argv += ["--reply-src", reply, "--reply-dst", source, "--reply-port-src", "80",
                 "--reply-port-dst", str(port)]
    done = node.ns.run(argv)
    assert done.returncode == 0, done.stderr


def update(node, source, port, state):
    done = node.ns.run(["conntrack", "-U", "-p", "tcp", "-s", source, "-d", "192.0.2.1", "--sport",
                        str(port), "--dport", "80", "--state", state, "-t", "1000"])
    assert done.returncode == 0, done.stderr


def delete(node, source, port):
    done = node.ns.run(["conntrack", "-D", "-p", "tcp", "-s", source, "--sport", str(port)])
    assert done.returncode == 0, done.stderr


def sources(keys):
    return sorted({key[1].split()[0].split("=")[1] for key in keys})


def in_kernel(node):
    lines = node.ns.run(["conntrack", "-L"]).stdout.splitlines()
    return sorted({word[4:] for line in lines for word in line.split() if word.startswith("src=10.5")
                   or word.startswith("src=10.6")})


def pair(ctx, c, spelling, *more):
    a, b = c.nodes["a"], c.nodes["b"]
    a.configure(ctx.ctd, [b])
    b.configure(ctx.ctd, [a])
    rewrite(a, (WHERE, f"Filter From {spelling}"), (IGNORE, "\n".join((IGNORE,) + more)),
            ("Mode FTFW {", "Mode FTFW {\nPurgeTimeout 1"))
    c.start()
    return a, b




def address_lists(ctx, spelling):
    ignored = [f"IPv4_address {host(n)}" for n in range(LONG)]
    with Cluster(2, ctx.flowgen, ctx.note) as c:
        a, b = pair(ctx, c, spelling, *ignored)
        for n in range(0, LONG, 7):
            insert(a, host(n), 1000 + n)
        insert(a, host(LONG), 7)                    # not in the list
        insert(a, KNOWN, 8)
        insert(a, KNOWN, 9, reply=host(3))          # translated to a host that is ignored
        expected = [KNOWN, host(LONG)]
        wait_for(lambda: sources(a.owned()) == expected == sources(b.known()), 20,
                 "what is not ignored is replicated")
        text = a.daemon.ok("-s", "runtime")
        filtered = int(re.search(r"events filtered:\s+(\d+)", text).group(1))
        ours = filtered >= len(range(0, LONG, 7))
        assert ours == (spelling == "Userspace"), f"{filtered} events were left out by the daemon"
        assert len(a.owned()) == 2, "the real server counts, not the address before translation"
        spared = sorted([host(n) for n in range(0, LONG, 7)] + [KNOWN])
        a.daemon.ok("-R")
        assert sources(a.owned()) == expected, "a dump is filtered alike"
        a.daemon.ok("-F")
        wait_for(lambda: not a.owned(), 20, "the flush has reached the cache")
        assert set(spared) - {KNOWN} <= set(in_kernel(a)), "-F leaves ignored flows alone"
        insert(a, KNOWN, 10)
        wait_for(lambda: len(a.owned()) == 1, 20, "one more")
        a.daemon.ok("-t")
        wait_for(lambda: not a.owned(), 20, "the purge has come")
        assert set(spared) - {KNOWN} <= set(in_kernel(a)), "-t leaves ignored flows alone"
        c.stop()


@test(limit=90)
def filter_userspace(ctx):
    """A long list of addresses, translation, -F and -t; in user space."""
    address_lists(ctx, "Userspace")


@test(limit=90)
def filter_kernelspace(ctx):
    """The same with the other spelling: the same meaning."""
    address_lists(ctx, "Kernelspace")


@test(limit=90)
def filter_states(ctx):
    """The state set is about what comes, never about what goes."""
    for spelling in ("Userspace", "Kernelspace"):
        with Cluster(2, ctx.flowgen, ctx.note) as c:
            a, b = pair(ctx, c, spelling)
            rewrite(a, ("Address Ignore", "State Accept { ESTABLISHED for TCP }\nAddress Ignore"))
            reload(a)
            insert(a, KNOWN, 1)
            insert(a, KNOWN, 2, "SYN_SENT")
            wait_for(lambda: len(b.known()) == 1, 20, "the established one is known")
            assert len(a.owned()) == 1
            update(a, KNOWN, 1, "CLOSE")
            delete(a, KNOWN, 1)
            wait_for(lambda: not a.owned() and not b.known(), 20, "it goes, whatever its state")
            c.stop()


if __name__ == "__main__":
    sys.exit(main())
