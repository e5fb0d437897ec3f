#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The demonstration behind scripts/demo: three power losses and what survives them."""
import argparse
import contextlib
import os
import signal
import sys

from harness import Interrupted, become_root, obstacle, raiser, traffic_program
from lab import Lab, sweep
from netns import TimedOut
from scenario import BULK, ECHO, PRIMARY, fail_over, start_pair, wait_full_flow

RUNS = (("none", None, "no daemon: the backup knows nothing of the connections"),
        ("NOTRACK", "NOTRACK", "the primary tells the backup about them, best effort"),
        ("FT-FW", "FTFW", "the same with acknowledgements and retransmission"))


def say(text):
    print(text, flush=True)


def one_run(args, mode):
    """Returns (connections, downloads, longest stall) that survived."""
    with Lab(note=lambda text: None, traffic=args.traffic) as lab:
        if mode:
            start_pair(lab, args.ctd, mode=mode)
        traffic = lab.traffic(ECHO, BULK)
        wait_full_flow(traffic)
        say(f"      {ECHO} connections and {BULK} downloads through the primary; it loses its "
            "power")
        if mode:
            with contextlib.suppress(TimedOut):     # then fewer will survive
                lab.wait_in_step()
        report, stall = fail_over(lab, traffic, PRIMARY if mode else (), recovery=15 if mode else 4)
        if mode:            # those that moved must go on moving
            traffic.mark()
            report = traffic.wait_moving(5)
            stall = max(stall, report.stall())
        return report.echo_moving(), report.bulk_moving(), stall


def table(rows):
    say("\n  mode      connections survived   downloads survived   longest stall")
    for name, echo, bulk, stall in rows:
        last = f"{stall:.2f} s" if (echo, bulk) == (ECHO, BULK) else "for ever"
        say(f"  {name:<9} {echo:14} of {ECHO} {bulk:17} of {BULK} {last:>15}")
    say("")


def run_all(args):
    """Returns True if everything went as promised."""
    why = obstacle()
    if why or not os.access(args.ctd, os.X_OK):
        say(f"demo: {why or 'no daemon at ' + args.ctd}")
        return False
    sweep()
    args.traffic = traffic_program(args.builddir)
    say("A client, a server and two firewalls in network namespaces. The firewalls do source NAT\n"
        "and let no connection pass that they did not see begin. Three times the primary dies and\n"
        "the backup gets its addresses.")
    rows = []
    for number, (name, mode, text) in enumerate(RUNS, 1):
        say(f"[{number}/{len(RUNS)}] {text}")
        rows.append((name, *one_run(args, mode)))
    table(rows)
    return [row[1:3] for row in rows] == [(0, 0), (ECHO, BULK), (ECHO, BULK)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--builddir", default=".")
    parser.add_argument("--ctd", default=os.environ.get("CTD"))
    args = parser.parse_args()
    args.ctd = os.path.abspath(args.ctd or os.path.join(args.builddir, "conntrackd/conntrackd"))
    become_root()
    try:
        signal.signal(signal.SIGTERM, raiser(Interrupted))
        signal.signal(signal.SIGINT, raiser(Interrupted))   # even if it was ignored so far
        good = run_all(args)
        say("As it should be." if good else "This is NOT as it should be.")
        return 0 if good else 1
    except (KeyboardInterrupt, Interrupted):
        say("interrupted; everything is removed again")
        return 130
    except AssertionError as failure:
        say(f"demo: {failure}")
        return 1


if __name__ == "__main__":
    sys.exit(main())
