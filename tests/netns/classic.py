#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Next to the reference daemon, on the same nodes and the same kernel tables; and each
one's client with the other one's daemon, as in the middle of an upgrade.
"""
import contextlib
import os
import re
import sys

from commands import LISTINGS, SILENT, Failures, mask
from daemon import PORT, Daemon
from harness import main, test
from lab import SERVER4
from netns import wait_for
from programs import HELPERS, FtpServer, FtpSession
from scenario import keys, one_of_each, start_pair

REPORTS = tuple(("-s", word) for word in ("ct", "expect", "network", "cache", "runtime", "link",
                                          "rsqueue", "queue", "process")) + (("-s",),)
EXPECTS = (("-i", "expect"), ("-e", "expect"), ("-i", "expect", "-x"), ("-e", "expect", "-x"),
           ("-i", "exp"), ("-e", "e"))

# What is wrong or new, and the exit status of each; where they differ ours is the better one.
USAGE = {
    ("-s", "foo"): (1, 1), ("-f", "foo"): (1, 1), ("-x",): (1, 1), ("-s", "-d"): (1, 1),
    ("-h",): (0, 0), ("-v",): (0, 0), ("-s", "c"): (0, 0), ("-s", "rs"): (0, 0),
    ("-s", ""): (0, 0), ("-s", "multicast"): (0, 0), ("-x", "-i"): (1, 0),
    ("-c", "foo"): (0, 1), ("-F", "foo"): (0, 1), ("-R", "foo"): (0, 1), ("-i", "foo"): (0, 1),
    ("-e", "foo"): (0, 1), ("-B", "stray"): (0, 1), ("-z",): (0, 1), ("--help",): (0, 0),
    ("--version",): (0, 0), ("kill",): (0, 1), ("stop",): (0, 1), ("-ix",): (0, 1),
}


def pair(lab, binary):
    for node in (lab.a, lab.b):
        node.ns.nft(HELPERS)
    start_pair(lab, binary, options="ExpectationSync On")


class Neighbour(Daemon):
    """A reference daemon beside ours: files and port of its own."""

    def __init__(self, lab, node, binary):
        folder = os.path.join(lab.folder, "reference")
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder)
        super().__init__(node, node.daemon.peer, folder)
        self.configure(binary, options="ExpectationSync On")
        with open(self.path("conf"), encoding="ascii") as f:
            text = f.read()
        with open(self.path("conf"), "w", encoding="ascii") as f:
            f.write(text.replace(f"Port {PORT}\n", f"Port {PORT + 1}\n"))


@contextlib.contextmanager
def everything(ctx, lab):
    """Both pairs, flows of each kind, and an expectation; in step."""
    pair(lab, ctx.ctd)
    theirs = {node.name: Neighbour(lab, node, ctx.reference).start() for node in (lab.a, lab.b)}
    FtpServer(lab)
    session = FtpSession(lab, SERVER4)
    session.announce()
    with one_of_each(lab) as expected:
        for daemons in (theirs, {n.name: n.daemon for n in (lab.a, lab.b)}):
            for name, option in (("a", "-i"), ("b", "-e")):
                wait_for(lambda: expected <= {f.key for f in daemons[name].flows(option)}, 20,
                         f"{option} lists the flows")
                wait_for(lambda: daemons[name].ok(option, "expect"), 20, "an expectation")
        yield theirs
    session.close()
    for daemon in theirs.values():
        daemon.stop()


def comparable(args, text):
    """Listings without order and ages; reports without figures."""
    if args[0] in ("-i", "-e"):
        # a mark of 0 is known from a listing of the kernel's, not from an event
        text = re.sub(r" mark=0\b|<mark>0</mark>", "", text)
        return sorted(re.sub(r"(active since|expires in) \d+s", r"\1 Ns", text).splitlines())
    if args == ("-s", "rsqueue"):           # what waits at this moment
        return text.splitlines()[:1] and [re.sub(r"len=\d+", "len=N", text.splitlines()[0])]
    return mask(text).splitlines()


@test(limit=90)
def side_by_side(ctx):
    """On the same table: the same lines in each listing, the same form of each report."""
    with ctx.lab() as lab, Failures() as wrong, everything(ctx, lab) as theirs:
        for node in (lab.a, lab.b):
            for args in LISTINGS + EXPECTS + REPORTS:
                results = [d.ctl(*args) for d in (theirs[node.name], node.daemon)]
                wrong.check(results[0].code == results[1].code == 0, f"{node.name} {args}")
                want, got = (comparable(args, r.out) for r in results)
                wrong.check(want == got, f"{node.name} {args}:\n  reference "
                            f"{[x for x in want if x not in got]}\n  ours      "
                            f"{[x for x in got if x not in want]}")
                wrong.check(not results[1].err, f"{node.name} {args}: {results[1].err}")


@test(limit=90)
def usage_and_status(ctx):
    """The exit status for what is wrong, abbreviated or new; also without a daemon."""
    with ctx.lab() as lab, Failures() as wrong:
        pair(lab, ctx.ctd)
        theirs = Neighbour(lab, lab.a, ctx.reference).start()
        for args, want in USAGE.items():
            codes = theirs.ctl(*args).code, lab.a.daemon.ctl(*args).code
            wrong.check(codes == want, f"{args}: {codes}, not {want}")
        theirs.stop()
        lab.a.daemon.stop()
        for args in LISTINGS + SILENT + EXPECTS + REPORTS + (("-k",),):
            codes = theirs.ctl(*args).code, lab.a.daemon.ctl(*args).code
            wrong.check(codes == (1, 1), f"{args} without daemon: {codes}")


def crossed(node, client, *args):
    """The answer of a node's daemon to another client."""
    return node.ns.run([client, "-C", node.daemon.path("conf"), *args])


@test(limit=90)
def classic_client(ctx):
    """The reference's program as client of our daemon: every command, the same answers."""
    with ctx.lab() as lab, Failures() as wrong:
        pair(lab, ctx.ctd)
        FtpServer(lab)
        session = FtpSession(lab, SERVER4)
        session.announce()
        with one_of_each(lab) as expected:
            wait_for(lambda: expected <= keys(lab.b, "-e"), 20, "-e on b lists the flows")
            for node in (lab.a, lab.b):
                for args in LISTINGS + EXPECTS + REPORTS:
                    got = crossed(node, ctx.reference, *args)
                    want = node.daemon.ok(*args)
                    wrong.check(got.returncode == 0 and
                                comparable(args, got.stdout) == comparable(args, want),
                                f"{node.name} {args}: {got.stdout!r} {got.stderr!r}")
            for args in SILENT:
                got = crossed(lab.b, ctx.reference, *args)
                wrong.check(got.returncode == 0 and not got.stdout, f"{args}: {got}")
            log = "\n".join(lab.b.daemon.last_words(1000))
            for words in ("committing all external caches", "flushing caches",
                          "resync with master conntrack table", "resync requested",
                          "flushing internal cache", "flushing kernel conntrack table"):
                wrong.check(words in log, f"'{words}' is not in the log")
        session.close()
        assert crossed(lab.a, ctx.reference, "-k").returncode == 0
        assert lab.a.daemon.wait_end() == 0 and not os.path.exists(lab.a.daemon.path("ctl"))


@test(limit=90)
def classic_daemon(ctx):
    """Our program as client of the reference daemon, from listing to ending it."""
    with ctx.lab() as lab, Failures() as wrong:
        pair(lab, ctx.reference)
        with one_of_each(lab) as expected:
            wait_for(lambda: expected <= keys(lab.b, "-e"), 20, "-e on b lists the flows")
            for node in (lab.a, lab.b):
                for args in LISTINGS + EXPECTS + REPORTS:
                    got = crossed(node, ctx.ctd, *args)
                    want = node.daemon.ok(*args)
                    wrong.check(got.returncode == 0 and
                                comparable(args, got.stdout) == comparable(args, want),
                                f"{node.name} {args}: {got.stdout!r} {got.stderr!r}")
            for args in SILENT:
                got = crossed(lab.b, ctx.ctd, *args)
                wrong.check(got.returncode == 0 and not got.stdout, f"{args}: {got}")
            for args in (("status",), ("-i", "--json"), ("-i", "--filter", "proto tcp")):
                got = crossed(lab.a, ctx.ctd, *args)
                wrong.check(got.returncode == 1 and got.stderr, f"{args}: {got}")
        assert crossed(lab.a, ctx.ctd, "-k").returncode == 0
        lab.a.daemon.wait_end()


if __name__ == "__main__":
    sys.exit(main())
