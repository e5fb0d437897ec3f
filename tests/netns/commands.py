#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The command line against a running pair: exit codes, effects, form of the answers.

Where 1.4.7 is known to behave badly these tests ask for the better behaviour, so
`commands_wrong` and `restart_after_crash` fail with it.
"""
import difflib
import os
import re
import signal
import sys

from harness import main, test
from netns import wait_for
from scenario import keys, one_of_each, start_pair

STATISTICS = (("-s",), ("-s", "ct"), ("-s", "network"), ("-s", "cache"), ("-s", "runtime"),
              ("-s", "link"))
LISTINGS = (("-i",), ("-e",), ("-i", "ct"), ("-e", "ct"), ("-i", "-x"), ("-e", "-x"))
SILENT = (("-c",), ("-c", "ct"), ("-f",), ("-f", "internal"), ("-f", "external"), ("-R",),
          ("-R", "ct"), ("-B",), ("-n",), ("-t",), ("-F",), ("-F", "ct"))
WRONG = (("-s", "foo"), ("-f", "foo"), ("-c", "foo"), ("-F", "foo"), ("-R", "foo"), ("-i", "foo"),
         ("-e", "foo"), ("-x",), ("-B", "stray"), ("-z",), ("start",), ("stop",), ("kill",),
         ("-s", "-d"), ("-s", "-C"))


class Failures:
    """Collects what is wrong, so that one run tells everything."""

    def __init__(self):
        self.texts = []

    def check(self, good, text):
        if not good:
            self.texts.append(text)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if kind is None:
            assert not self.texts, "\n" + "\n".join(self.texts)


def log_has(node, text):
    return any(text in line for line in node.daemon.last_words(1000))


@test()
def commands_running(ctx):
    """Every command exits with 0; listings and statistics alone print something."""
    with ctx.lab() as lab, Failures() as wrong:
        start_pair(lab, ctx.ctd)
        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.b, "-e") == expected, 5, "-e on b lists the flows")
            for args in STATISTICS + LISTINGS + SILENT + (("-k",),):
                for node in (lab.a, lab.b):
                    result = node.daemon.ctl(*args)
                    wrong.check(result.code == 0, f"{node.name} {args}: {result}")
                    prints = args in STATISTICS or (args in LISTINGS and
                                                    (args[0] == "-i") == (node is lab.a))
                    wrong.check(bool(result.out) == prints, f"{node.name} {args}: {result}")
            for node in (lab.a, lab.b):
                wrong.check(node.daemon.wait_end() == 0, f"{node.name}: status after -k")
                for suffix in ("ctl", "lock"):
                    wrong.check(not os.path.exists(node.daemon.path(suffix)),
                                f"{node.name}: {suffix} file is left after -k")


@test()
def commands_abbreviated(ctx):
    """Any prefix of an argument will do, the first in the order of the table."""
    def head(*args):
        return lab.a.daemon.ok(*args).split("\n", 1)[0].split("\t")[0]

    with ctx.lab() as lab, Failures() as wrong:
        start_pair(lab, ctx.ctd)
        for short, full in (("n", "network"), ("c", "cache"), ("r", "runtime"), ("l", "link"),
                            ("net", "network"), ("run", "runtime")):
            wrong.check(head("-s", short) == head("-s", full), f"-s {short} is not -s {full}")
        for args in (("-c", "c"), ("-f", "int"), ("-f", "e"), ("-i", "c")):
            wrong.check(lab.a.daemon.ctl(*args).code == 0, f"{args} fails")


@test()
def commands_down(ctx):
    """Without daemon every command exits with 1 and says so on stderr only."""
    with ctx.lab() as lab, Failures() as wrong:
        daemon = lab.a.daemon.configure(ctx.ctd)
        for args in STATISTICS + LISTINGS + SILENT + (("-k",),):
            result = daemon.ctl(*args)
            wrong.check(result.code == 1 and not result.out and
                        "can't connect: is conntrackd running? appropriate permissions?" in result.err,
                        f"{args}: {result}")


@test()
def commands_wrong(ctx):
    """Wrong usage exits with 1 and does nothing."""
    with ctx.lab() as lab, Failures() as wrong:
        start_pair(lab, ctx.ctd)
        for args in WRONG:
            result = lab.a.daemon.ctl(*args)
            wrong.check(result.code == 1, f"{args} exits {result.code}")
        result = lab.a.daemon.ctl("-C", lab.a.daemon.path("missing"), "-s", config=False)
        wrong.check(result.code == 1, f"missing configuration: {result.code}")
        for args in (("-h",), ("-v",)):
            result = lab.a.daemon.ctl(*args, config=False)
            wrong.check(result.code == 0 and result.out, f"{args}: {result}")
        wrong.check(not log_has(lab.a, "flushing"), "a wrong word flushes the kernel table")


@test()
def commands_effects(ctx):
    """Caches are emptied and filled as told, on one node and from the other."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd)
        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.b, "-e") == expected, 5, "-e on b lists the flows")
            lab.b.daemon.ok("-f", "external")
            assert not keys(lab.b, "-e"), "-f external leaves entries"
            lab.a.daemon.ok("-B")
            wait_for(lambda: keys(lab.b, "-e") == expected, 10, "-B on a fills b again")
            lab.b.daemon.ok("-f", "external")
            lab.b.daemon.ok("-n")
            wait_for(lambda: keys(lab.b, "-e") == expected, 10, "-n on b fills it again")
            lab.a.daemon.ok("-f", "internal")
            assert not keys(lab.a, "-i"), "-f internal leaves entries"
            lab.a.daemon.ok("-R")
            assert keys(lab.a, "-i") == expected, "-R does not restore the internal cache"
            assert keys(lab.b, "-e") == expected, "-f or -R on a touches b"
            lab.a.daemon.ok("-F")
            wait_for(lambda: not keys(lab.a, "-i"), 10, "-F empties the internal cache of a")
            wait_for(lambda: not keys(lab.b, "-e"), 10, "b is told what the flush ends (W6)")


def kernel(node):
    return node.ns.run(["conntrack", "-L"]).stdout.splitlines()


@test()
def commands_promotion(ctx):
    """-c -f -R -B on b: the flows are its own then, with NAT, and committed once."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd)
        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.b, "-e") == expected, 5, "-e on b lists the flows")
            lab.b.daemon.ok("-c")
            assert log_has(lab.b, "Committed 4 new entries") or \
                log_has(lab.b, "Committed 6 new entries"), "no word on the commit in the log"
            nated = [line for line in kernel(lab.b) if "dst=10.20.0.254" in line]
            assert len(nated) == 3, f"NAT is not restored: {kernel(lab.b)}"
            assert keys(lab.b, "-e") == expected, "-c empties the external cache"
            for word in ("-f", "-R", "-B"):
                lab.b.daemon.ok(word)
            assert not keys(lab.b, "-e"), "-f leaves external entries"
            assert keys(lab.b, "-i") == expected, "-R does not find the flows"


@test()
def commands_purge(ctx):
    """-t flushes the kernel table after PurgeTimeout; -c cancels it."""
    with ctx.lab() as lab:
        start_pair(lab, ctx.ctd, mode_extra="PurgeTimeout 15")
        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.b, "-e") == expected, 5, "-e on b lists the flows")
            for node in (lab.b, lab.a):
                node.daemon.ok("-t")
            assert keys(lab.a, "-i") == expected, "-t acts at once"
            lab.b.daemon.ok("-c")
            wait_for(lambda: not keys(lab.a, "-i"), 30, "-t flushes a", 0.1)
            assert len(kernel(lab.b)) >= len(expected), "-c does not cancel the purge on b"


@test()
def background(ctx):
    """-d says nothing and returns when the daemon answers; -k returns when it is gone."""
    with ctx.lab() as lab:
        lab.a.daemon.configure(ctx.ctd)
        result = lab.a.daemon.ctl("-d")
        assert (result.code, result.out, result.err) == (0, "", ""), result
        for word in ("-s", "-t", "-n"):
            lab.a.daemon.ok(word)
        lab.a.daemon.ok("-k")
        result = lab.a.daemon.ctl("-s")
        assert result.code == 1, "still there after -k"
        assert not os.path.exists(lab.a.daemon.path("lock")), "lock file is left after -k"


@test()
def signals(ctx):
    """SIGTERM and SIGINT end it cleanly."""
    with ctx.lab() as lab:
        lab.a.daemon.configure(ctx.ctd)
        for number in (signal.SIGTERM, signal.SIGINT):
            status = lab.a.daemon.start().stop(number)
            assert status == 0, f"{number!r}: status {status}"
            for suffix in ("ctl", "lock"):
                assert not os.path.exists(lab.a.daemon.path(suffix)), f"{suffix} file is left"


@test()
def second_start(ctx):
    """A second daemon with the same configuration is refused, the first goes on."""
    with ctx.lab() as lab:
        lab.a.daemon.configure(ctx.ctd).start()
        result = lab.a.daemon.ctl("-d")
        assert result.code == 1, f"second start: {result}"
        other = lab.a.daemon.path("other")     # the lock file alone must do
        with open(lab.a.daemon.path("conf"), encoding="ascii") as f:
            text = f.read().replace(lab.a.daemon.path("ctl"), lab.a.daemon.path("ctl2"))
        with open(other, "w", encoding="ascii") as f:
            f.write(text)
        result = lab.a.daemon.ctl("-C", other, "-d", config=False)
        assert result.code == 1 and "lockfile" in result.err, f"second start: {result}"
        assert os.path.exists(lab.a.daemon.path("lock")), "the lock file of the first is gone"
        lab.a.daemon.ok("-s")


@test()
def restart_after_crash(ctx):
    """What a killed daemon leaves behind does not keep the next one from starting."""
    with ctx.lab() as lab:
        lab.a.daemon.configure(ctx.ctd).start().crash()
        lab.a.daemon.start()


# --- form of the answers ---

def mask(text):
    """Numbers and ages out, columns and words kept."""
    text = re.sub(r"\[active since \d+s\]", "[active since Ns]", text)
    text = re.sub(r"<id>\d+</id>", "<id>N</id>", text)

    def number(found):
        whole, blanks = found.group(), found.group(1)
        return "#" * len(whole) if len(whole) >= 8 else blanks + "#"
    return re.sub(r"( *)\d+", number, text)


def answers(lab, binary):
    """What a pair says after the same flows, in a comparable form."""
    texts = {}
    start_pair(lab, binary)
    with one_of_each(lab) as expected:
        wait_for(lambda: keys(lab.a, "-i") == expected, 5, "-i on a lists the flows")
        wait_for(lambda: keys(lab.b, "-e") == expected, 5, "-e on b lists the flows")
        for node in (lab.a, lab.b):
            for args in STATISTICS:
                texts[node.name, args] = mask(node.daemon.ok(*args)).splitlines(True)
            for args in LISTINGS:
                lines = node.daemon.ok(*args).splitlines(True)
                texts[node.name, args] = sorted(
                    re.sub(r"since \d+s|<id>\d+", "", line) for line in lines)
    return texts


@test()
def same_answers(ctx):
    """Listings and statistics have the form of the reference daemon's."""
    with ctx.lab() as lab:
        theirs = answers(lab, ctx.reference)
    with ctx.lab() as lab, Failures() as wrong:
        ours = answers(lab, ctx.ctd)
        for where, lines in theirs.items():
            diff = "".join(difflib.unified_diff(lines, ours[where], "reference", "ours", n=1))
            wrong.check(not diff, f"{where[0]}: {' '.join(where[1])}\n{diff}")


if __name__ == "__main__":
    sys.exit(main())
