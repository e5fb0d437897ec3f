#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The life of a daemon: start, rights, log files, service manager, end."""
import contextlib
import os
import signal
import socket
import sys
import time

from harness import main, test
from netns import wait_for
from scenario import begin_commit, keys, one_of_each, start_pair
from stats import start_stats
from tables import fill

NOBODY = 65534
GROUP = 2345            # of nobody else on this machine
NET_ADMIN, SYS_NICE = 1 << 12, 1 << 23


def proc_status(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        return dict(line.rstrip("\n").split(":\t", 1) for line in f if ":\t" in line)


def as_user(node, uid, groups, *args):
    """Run a command as somebody else; the exit status."""
    argv = [node.daemon.binary, "-C", node.daemon.path("conf"), *args]
    return node.ns.run(["setpriv", f"--reuid={uid}", f"--regid={uid}",
                        f"--groups={','.join(map(str, groups))}" if groups else "--clear-groups",
                        *argv]).returncode


def configure(lab, ctx, **more):
    """Node a, whose files somebody else may make and remove, and whose clients may find it."""
    folder = os.path.dirname(lab.a.daemon.path("conf"))
    os.chmod(folder, 0o777)
    lab.a.daemon.configure(ctx.ctd, **more)
    os.chmod(lab.a.daemon.path("conf"), 0o644)
    return lab.a


def control_socket(lab, clauses):
    """Put clauses into the block UNIX."""
    name = lab.a.daemon.path("conf")
    with open(name, encoding="ascii") as f:
        text = f.read()
    with open(name, "w", encoding="ascii") as f:
        f.write(text.replace("UNIX {\n", "UNIX {\n" + clauses + "\n"))


# --- rights ---

@test()
def rights_of_root(ctx):
    """Started by root the daemon keeps two capabilities, and cannot get new ones."""
    with ctx.lab() as lab:
        node = configure(lab, ctx)
        node.daemon.start()
        status = proc_status(node.daemon.proc.pid)
        for name in ("CapPrm", "CapEff", "CapBnd"):
            left = int(status[name], 16)
            assert left & NET_ADMIN or name == "CapBnd", f"{name}: {left:x}"
            assert not left & ~(NET_ADMIN | SYS_NICE), f"{name}: {left:x}"
        assert status["NoNewPrivs"] == "1", status["NoNewPrivs"]


@test()
def rights_of_user(ctx):
    """With User it goes on as that user, still does all its work, and leaves nothing behind."""
    with ctx.lab() as lab:
        os.chmod(os.path.dirname(lab.a.daemon.path("conf")), 0o777)
        start_pair(lab, ctx.ctd, general=f"User {NOBODY}")
        status = proc_status(lab.b.daemon.proc.pid)
        assert status["Uid"].split() == [str(NOBODY)] * 4, status["Uid"]
        assert int(status["CapEff"], 16) & ~SYS_NICE == NET_ADMIN, status["CapEff"]
        with one_of_each(lab) as expected:
            wait_for(lambda: keys(lab.b, "-e") == expected, 20, "-e on b lists the flows")
            for word in ("-c", "-f", "-R", "-B"):
                lab.b.daemon.ok(word)
            assert keys(lab.b, "-i") == expected, "the commit did not reach the kernel"
            lab.b.daemon.ok("-F")
            wait_for(lambda: not keys(lab.b, "-i"), 20, "-F empties the kernel's table")
        log = lab.b.daemon.path("log")
        assert os.stat(log).st_uid == NOBODY, "it was opened as root and not given away"
        os.rename(log, log + ".1")
        lab.b.daemon.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: os.path.exists(log), 20, "a new log file")
        assert os.stat(log).st_uid == NOBODY
        assert lab.b.daemon.stop() == 0
        for suffix in ("ctl", "lock"):
            assert not os.path.exists(lab.b.daemon.path(suffix)), f"{suffix} file is left"


@test()
def rights_of_statistics(ctx):
    """The log of flows belongs to the user too, and can be opened anew; the node is healthy."""
    with ctx.lab() as lab:
        os.mkdir(os.path.join(lab.folder, "logs"))
        os.chmod(os.path.join(lab.folder, "logs"), 0o777)
        os.chmod(lab.folder, 0o755)
        log = os.path.join(lab.folder, "logs", "flows")
        daemon, made = start_stats(lab, ctx.ctd, general=f"User {NOBODY}")
        assert os.stat(made).st_uid == NOBODY
        assert daemon.stop() == 0
        with open(daemon.path("conf"), encoding="ascii") as f:
            text = f.read()
        with open(daemon.path("conf"), "w", encoding="ascii") as f:
            f.write(text.replace(f"LogFile {made}\n", f"LogFile {log}\n"))
        os.chmod(daemon.path("conf"), 0o644)
        os.chmod(os.path.dirname(daemon.path("conf")), 0o755)
        daemon.start()
        os.rename(log, log + ".1")
        daemon.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: os.path.exists(log), 20, "a new log of flows")
        assert os.stat(log).st_uid == NOBODY
        assert daemon.ctl("health").code == 0 and "mode Stats" in daemon.ok("status")
        assert daemon.stop() == 0


@test()
def rights_unknown(ctx):
    """A user or group that does not exist is named, and nothing is started."""
    with ctx.lab() as lab:
        for clause, where in (("User no-such-user", "general"), ("Group no-such-group", "unix")):
            configure(lab, ctx, general=clause if where == "general" else "")
            if where == "unix":
                control_socket(lab, clause)
            result = lab.a.daemon.ctl("-d")
            assert result.code == 1 and clause.split()[1] in result.err, result
            assert not os.path.exists(lab.a.daemon.path("lock")), "lock file is left"


@test()
def rights_of_clients(ctx):
    """Root and the group command; others look on where the mode lets them in."""
    with ctx.lab() as lab:
        node = configure(lab, ctx)
        node.daemon.start()
        assert as_user(node, NOBODY, [], "-s") == 1, "mode 0600 lets others in"
        assert node.daemon.stop() == 0

        control_socket(lab, f"Group {GROUP}")
        node.daemon.start()
        st = os.stat(node.daemon.path("ctl"))
        assert (st.st_gid, st.st_mode & 0o777) == (GROUP, 0o660), (st.st_gid, oct(st.st_mode))
        assert as_user(node, NOBODY, [GROUP], "-s") == 0
        assert as_user(node, NOBODY, [GROUP], "-f") == 0, "a member of the group is refused"
        assert as_user(node, NOBODY, [], "-s") == 1
        assert node.daemon.stop() == 0

        control_socket(lab, "Mode 0666")
        node.daemon.start()
        for args in (("-s",), ("-i",), ("status",), ("-s", "link", "--json")):
            assert as_user(node, NOBODY, [], *args) == 0, args
        for args in (("-f",), ("-c",), ("-t",), ("-F",), ("-R",), ("-B",), ("-n",), ("-k",)):
            assert as_user(node, NOBODY, [], *args) == 1, f"anybody may {args}"
        assert as_user(node, NOBODY, [GROUP], "-k") == 0
        assert node.daemon.wait_end() == 0


# --- start ---

@test()
def failures_are_shown(ctx):
    """With -d the reason of a failed start is on the terminal, and the exit status is 1."""
    with ctx.lab() as lab:
        cases = {
            "no such folder for the log": ("LogFile /nonexistent/x.log", "/nonexistent/x.log"),
            "no such folder for the lock": ("LockFile /nonexistent/x.lock", "No such file"),
        }
        for what, (general, words) in cases.items():
            lab.a.daemon.configure(ctx.ctd, general=general)
            result = lab.a.daemon.ctl("-d")
            assert result.code == 1 and words in result.err, f"{what}: {result}"
        lab.a.daemon.configure(ctx.ctd).start()
        result = lab.a.daemon.ctl("-d")
        assert result.code == 1 and "already running" in result.err, result


@test()
def stale_lock(ctx):
    """A lock file without a living owner is taken over, also an old empty one."""
    with ctx.lab() as lab:
        lab.a.daemon.configure(ctx.ctd)
        with open(lab.a.daemon.path("lock"), "w", encoding="ascii"):
            pass
        lab.a.daemon.start().crash()
        assert os.path.exists(lab.a.daemon.path("lock"))
        lab.a.daemon.start()
        assert lab.a.daemon.stop() == 0
        assert not os.path.exists(lab.a.daemon.path("lock"))


@test()
def lock_of_another(ctx):
    """A start in vain beside a 1.4.7, which does not lock its file, takes nothing from it."""
    with ctx.lab() as lab:
        lab.a.daemon.configure(ctx.reference).start()
        done = lab.a.ns.run([ctx.ctd, "-C", lab.a.daemon.path("conf"), "-d"])
        assert done.returncode == 1 and "control socket" in done.stderr, done
        assert os.path.exists(lab.a.daemon.path("lock")), "its lock file is gone"
        lab.a.daemon.ok("-s")
        assert lab.a.daemon.stop() == 0


# --- end ---

@test(limit=150)
def end_during_commit(ctx):
    """SIGTERM in the middle of a commit, of a bulk, of the first reading: an end within 1 s."""
    count = ctx.flows(200000, least=100000)
    general = f"HashLimit {2 * count}\nHashSize {count}"
    with ctx.lab(flows=2 * count) as lab:
        start_pair(lab, ctx.ctd, general=general)
        fill(ctx, lab.a, count)

        def number():
            return int(lab.b.daemon.ok("-s", "cache").split("cache:external")[1].split()[2])

        def timed_end(node, when, begin, middle=lambda: True):
            """Up to five times: the machine may pause, or the job may be over too soon."""
            for _ in range(5):
                begin()
                start = time.monotonic()
                status = node.daemon.stop(timeout=20)
                seconds = time.monotonic() - start
                lab.note(f"{when}: ended in {seconds:.2f} s")
                assert status == 0, f"{when}: status {status}"
                assert not os.path.exists(node.daemon.path("ctl")), f"{when}: socket is left"
                assert not os.path.exists(node.daemon.path("lock")), f"{when}: lock file is left"
                if seconds < 1 and middle():
                    return
            raise AssertionError(f"{when}: not ended in the middle within 1 s")

        def commit():
            if not lab.b.daemon.proc:
                lab.b.daemon.start()
            wait_for(lambda: number() >= count, 60, "b has the flows")
            commits.append(begin_commit(lab.b))

        def unfinished():
            assert commits[-1].wait(20) == 0
            log = "\n".join(lab.b.daemon.last_words(100000))
            return "commit has taken" not in log.rpartition("] committing ")[2]

        def bulk():
            if not lab.a.daemon.proc:
                lab.a.daemon.start()
            lab.a.daemon.ok("-B")

        def first_reading():
            lab.a.daemon.start(wait=False)
            wait_for(lambda: os.path.exists(lab.a.daemon.path("ctl")), 20, "the socket", 0.001)
        commits = []
        timed_end(lab.b, "commit", commit, unfinished)
        timed_end(lab.a, "bulk", bulk)
        timed_end(lab.a, "first reading", first_reading)


@test()
def log_rotation(ctx):
    """SIGHUP, and a move of the log before it: nothing is lost, no process is restarted."""
    with ctx.lab() as lab:
        lab.a.daemon.configure(ctx.ctd).start()
        log = lab.a.daemon.path("log")
        os.rename(log, log + ".1")
        lab.a.daemon.ok("-f")
        lab.a.daemon.proc.send_signal(signal.SIGHUP)
        wait_for(lambda: os.path.exists(log), 20, "a new log file")
        lab.a.daemon.ok("-R")
        with open(log + ".1", encoding="utf-8") as old, open(log, encoding="utf-8") as new:
            assert "flushing caches" in old.read()
            assert "resync with master conntrack table" in new.read()
        assert lab.a.daemon.proc.poll() is None


# --- service manager ---

@contextlib.contextmanager
def service_manager(lab, **more):
    """What systemd would be told, as a function that returns the messages so far."""
    path = lab.a.daemon.path("notify")
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sock.bind(path)
    sock.setblocking(False)
    got = []

    def messages():
        with contextlib.suppress(BlockingIOError):
            while True:
                got.extend(sock.recv(4096).decode().splitlines())
        return got
    old = dict(os.environ)
    os.environ.update({"NOTIFY_SOCKET": path, **more})
    try:
        yield messages
    finally:
        os.environ.clear()
        os.environ.update(old)
        sock.close()


def words(messages):
    """Without the status lines, which come as they like."""
    return [line for line in messages() if not line.startswith("STATUS=")]


@test()
def notify_foreground(ctx):
    """READY when it serves, a status line, STOPPING when socket and lock are gone."""
    with ctx.lab() as lab, service_manager(lab) as messages:
        lab.a.daemon.configure(ctx.ctd).start()
        wait_for(lambda: "READY=1" in messages(), 20, "READY")
        lab.a.daemon.ok("-s")
        wait_for(lambda: any(m.startswith("STATUS=internal") for m in messages()), 20, "a status")
        lab.a.daemon.ok("-k")
        lab.a.daemon.wait_end()
        assert words(messages) == ["READY=1", "STOPPING=1"], words(messages)


@test()
def notify_background(ctx):
    """With -d the parent names the daemon, and says that it serves."""
    with ctx.lab() as lab, service_manager(lab) as messages:
        lab.a.daemon.configure(ctx.ctd)
        lab.a.daemon.ok("-d")
        first = words(messages)
        assert len(first) == 2 and first[0].startswith("MAINPID=") and first[1] == "READY=1", first
        assert os.path.exists(f"/proc/{first[0][8:]}")
        lab.a.daemon.ok("-k")
        assert words(messages)[2:] == ["STOPPING=1"], words(messages)


@test()
def notify_watchdog(ctx):
    """WATCHDOG at least every half interval, for the process meant only."""
    with ctx.lab() as lab, service_manager(lab, WATCHDOG_USEC="400000") as messages:
        lab.a.daemon.configure(ctx.ctd).start()
        start, before = time.monotonic(), messages().count("WATCHDOG=1")
        wait_for(lambda: messages().count("WATCHDOG=1") >= before + 5, 20, "WATCHDOG")
        assert time.monotonic() - start > 0.5, "far too often"
        lab.a.daemon.ok("-k")
        lab.a.daemon.wait_end()
    with ctx.lab() as lab, \
            service_manager(lab, WATCHDOG_USEC="20000", WATCHDOG_PID="1") as messages:
        lab.a.daemon.configure(ctx.ctd).start()
        wait_for(lambda: any(m.startswith("STATUS") for m in messages()), 20, "a status")
        lab.a.daemon.ok("-k")
        lab.a.daemon.wait_end()
        assert "WATCHDOG=1" not in messages()


@test()
def notify_silence(ctx):
    """Systemd off, a client, a failed start: not a word."""
    with ctx.lab() as lab, service_manager(lab) as messages:
        lab.a.daemon.configure(ctx.ctd, general="Systemd off").start()
        lab.a.daemon.ok("-s")
        lab.a.daemon.ok("-k")
        lab.a.daemon.wait_end()
        lab.a.daemon.configure(ctx.ctd, general="LockFile /nonexistent/x.lock")
        assert lab.a.daemon.ctl("-d").code == 1
        assert messages() == [], messages()


if __name__ == "__main__":
    sys.exit(main())
