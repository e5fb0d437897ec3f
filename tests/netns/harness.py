# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs the tests of this folder and prints TAP.

A test is a function marked with @test that takes a Context. It runs in a
process of its own with a time limit, and passes if it returns.
"""
import argparse
import atexit
import contextlib
import fnmatch
import os
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback

from lab import Lab, NoRoom, sweep
from netns import die_with_parent

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
REFERENCE = "/usr/sbin/conntrackd"
TRAFFIC = "tests/support/traffic"
RELAY = "tests/support/relay"
FLOWGEN = "tests/bench/flowgen"
ALLKINDS = "tests/support/allkinds"
GRACE = 20      # seconds a test may need to clean up after its limit
PASS, FAIL, SKIP = 0, 1, 77
TESTS = []


class Skip(Exception):
    """The test cannot run here; the text says why."""


class TimeLimit(BaseException):
    """Beyond Exception, so that no test catches it by accident."""


class Interrupted(BaseException):
    """We were asked to end."""


def test(limit=60):
    """Mark a test; `limit` is in seconds and includes building the lab."""
    def add(function):
        TESTS.append((function.__name__, function, limit))
        return function
    return add


def note(text):
    for line in str(text).splitlines():
        print("#", line, flush=True)


class Context:
    """What a test gets: the binaries, and labs."""

    def __init__(self, args):
        self.args = args
        self.traffic = args.traffic
        self.note = note

    @property
    def ctd(self):
        """The daemon under test."""
        if not os.access(self.args.ctd, os.X_OK):
            raise Skip(f"no daemon at {self.args.ctd}")
        return self.args.ctd

    @property
    def reference(self):
        """The daemon we must understand and be understood by."""
        if not os.access(self.args.reference, os.X_OK):
            raise Skip(f"no reference daemon at {self.args.reference}")
        return self.args.reference

    def _built(self, name):
        path = os.path.abspath(os.path.join(self.args.builddir, name))
        if not os.access(path, os.X_OK):
            raise Skip(f"no {path} (make lab-programs)")
        return path

    @property
    def flowgen(self):
        """The generator of kernel entries."""
        return self._built(FLOWGEN)

    @property
    def allkinds(self):
        """The generator of flows of all kinds, which also writes out the kernel's table."""
        return self._built(ALLKINDS)

    def flows(self, count, least=0):
        """How many flows a test of large tables is to use; `count` unless told otherwise.

        With fewer than `least` what it looks at would be over too soon.
        """
        return max(self.args.flows or count, least)

    def lab(self, relay=None, flows=0):
        """`relay` and `flows` as in Lab."""
        binary = self._built(RELAY) if relay is not None else None
        return Lab(note=note, traffic=self.traffic, relay=relay, relay_binary=binary, flows=flows)


def raiser(kind):
    def handler(number, frame):
        raise kind()
    return handler


def _child(function, limit, args):
    """Run one test; the exit status is its result."""
    try:
        signal.signal(signal.SIGALRM, raiser(TimeLimit))
        signal.signal(signal.SIGTERM, raiser(Interrupted))
        signal.signal(signal.SIGINT, raiser(Interrupted))
        die_with_parent(signal.SIGTERM)
        signal.alarm(limit)
        function(Context(args))
        return PASS
    except (Skip, NoRoom) as why:
        note(f"skipped: {why}")
        return SKIP
    except TimeLimit:
        note(f"not finished after {limit} s")
        note(traceback.format_exc())
    except Interrupted:
        note("interrupted")
    except AssertionError as why:
        frame = traceback.extract_tb(why.__traceback__)[-1]
        note(f"{os.path.basename(frame.filename)}:{frame.lineno}: {why}")
    except Exception:       # whatever it is, it fails this test only
        note(traceback.format_exc())
    finally:
        signal.alarm(0)
    return FAIL


def _run_one(function, limit, args):
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        code = FAIL
        try:
            code = _child(function, limit, args)
        finally:
            with contextlib.suppress(Exception):
                sys.stdout.flush()
            os._exit(code)
    fd = os.pidfd_open(pid)
    try:
        if not select.select([fd], [], [], limit + GRACE)[0]:
            note("killed: did not clean up in time")
            os.kill(pid, signal.SIGKILL)
    except BaseException:       # we were interrupted: let the test clean up
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGTERM)
        if not select.select([fd], [], [], GRACE)[0]:
            os.kill(pid, signal.SIGKILL)
        raise
    finally:
        os.close(fd)
        status = os.waitpid(pid, 0)[1]
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        sweep()
    return code


def become_root():
    """Without root, run again as root of a user namespace where the system allows it."""
    if os.geteuid() == 0 or "CTDLAB_USERNS" in os.environ:
        return
    command = ["unshare", "--user", "--map-root-user", "--mount", "--net", "sh", "-c",
               'mount -t tmpfs tmpfs /run && exec "$@"', "sh"]
    probe = subprocess.run(command + ["nft", "add", "table", "ip", "probe"], check=False,
                           stdin=subprocess.DEVNULL, capture_output=True)
    if probe.returncode == 0:
        os.environ["CTDLAB_USERNS"] = "1"
        sys.stdout.flush()
        os.execvp(command[0], command + [sys.executable] + sys.argv)


def obstacle():
    """Why no test can run here, or None."""
    if os.geteuid() != 0:
        return "needs root, or user namespaces, for network namespaces"
    for tool in ("ip", "nft", "bridge"):
        if not shutil.which(tool):
            return f"needs {tool} (see scripts/deps)"
    probe = subprocess.run(["unshare", "--net", "nft", "add", "table", "ip", "probe"],
                           stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if probe.returncode:
        return f"no network namespace with nftables here: {probe.stderr.strip()}"
    return None


def traffic_program(builddir):
    """The load generator: as built, or compiled for this run."""
    built = os.path.join(builddir, TRAFFIC)
    if os.access(built, os.X_OK):
        return built
    folder = tempfile.mkdtemp(prefix="ctdlab-traffic.")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    program = os.path.join(folder, "traffic")
    subprocess.run(["cc", "-O2", "-o", program, os.path.join(ROOT, TRAFFIC + ".c")], check=True)
    return program


def _arguments():
    parser = argparse.ArgumentParser(description="Tests of a pair in network namespaces, as TAP.")
    parser.add_argument("--builddir", default=os.environ.get("top_builddir", "."),
                        help="where the program was built (default: here)")
    parser.add_argument("--ctd", default=os.environ.get("CTD"), metavar="PATH",
                        help="daemon under test (default: the one in the build directory)")
    parser.add_argument("--reference", default=REFERENCE, metavar="PATH",
                        help=f"daemon to work with and compare to (default: {REFERENCE})")
    parser.add_argument("--only", action="append", metavar="NAME",
                        help="run this test; may be a pattern and be repeated")
    parser.add_argument("--repeat", type=int, default=1, metavar="N", help="run each test N times")
    parser.add_argument("--flows", type=int, metavar="N",
                        help="flows in the tests of large tables (default: each has its own)")
    parser.add_argument("--list", action="store_true", help="print the names of the tests")
    args = parser.parse_args()
    args.ctd = os.path.abspath(args.ctd or os.path.join(args.builddir, "conntrackd/conntrackd"))
    return args


def _tell(number, name, code, why, seconds):
    if code == SKIP and os.environ.get("CI") == "true":
        print(f"not ok {number} - {name} (skipped in CI: {why})", flush=True)
        return False
    if code == SKIP:
        print(f"ok {number} - {name} # SKIP {why}", flush=True)
    else:
        print(f"{'ok' if code == PASS else 'not ok'} {number} - {name} ({seconds:.1f} s)",
              flush=True)
    return code in (PASS, SKIP)


def _run_all(args, chosen):
    print(f"1..{len(chosen)}", flush=True)
    why_not = obstacle()
    if why_not is None:
        sweep()
        args.traffic = traffic_program(args.builddir)
    good = True
    for number, (name, function, limit) in enumerate(chosen, 1):
        start = time.monotonic()
        code = SKIP if why_not else _run_one(function, limit, args)
        good &= _tell(number, name, code, why_not or "see above", time.monotonic() - start)
    return good


def main():
    """Run what is in TESTS. Returns the exit status."""
    args = _arguments()
    become_root()
    chosen = [t for t in TESTS if not args.only or
              any(fnmatch.fnmatch(t[0], pattern) for pattern in args.only)]
    if args.list:
        print("\n".join(name for name, _, _ in chosen))
        return 0
    if not chosen:
        print("no such test", file=sys.stderr)
        return 2
    try:
        signal.signal(signal.SIGTERM, raiser(Interrupted))
        signal.signal(signal.SIGINT, raiser(Interrupted))   # even if it was ignored so far
        return 0 if _run_all(args, [t for t in chosen for _ in range(args.repeat)]) else 1
    except (KeyboardInterrupt, Interrupted):
        print("Bail out! interrupted", flush=True)
        return 130
