# SPDX-License-Identifier: GPL-2.0-or-later
"""Named network namespaces, used from within this process.

The calling thread enters a namespace for the moment it opens a socket, writes
a sysctl or starts a program; that costs one system call instead of a process.
Whatever is started dies with us, so that a killed test leaves no daemon behind;
it has a session of its own, so that Ctrl-C reaches us alone and we clean up.
"""
import contextlib
import ctypes
import os
import select
import signal
import subprocess
import time

CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1
RUN_DIR = "/run/netns"
PAUSE, PAUSE_COUNTS, MOST_PAUSES = 1.0, 0.5, 60     # seconds; see wait_for

_libc = ctypes.CDLL(None, use_errno=True)


class TimedOut(AssertionError):
    """A condition did not come true in time."""


def wait_for(condition, timeout, what, interval=0.02):
    """Poll until `condition()` is true and return its value.

    More than PAUSE between two looks means that the machine was busy elsewhere, for us and for
    what we wait for: it counts as PAUSE_COUNTS. MOST_PAUSES after the timeout it ends anyway.
    """
    start = last = time.monotonic()
    waited = 0.0
    while True:
        value = condition()
        if value:
            return value
        now = time.monotonic()
        took, last = now - last, now
        waited += PAUSE_COUNTS if took > PAUSE + interval else took
        if waited > timeout or now - start > timeout + MOST_PAUSES:
            raise TimedOut(f"waited {now - start:.3g} s in vain for: {what}")
        time.sleep(interval)


def read_line(proc, timeout):
    """One line of a program's output within the time; the programs write whole lines."""
    data = b""
    end = time.monotonic() + timeout
    while not data.endswith(b"\n"):
        left = end - time.monotonic()
        if left <= 0 or not select.select([proc.stdout], [], [], left)[0]:
            raise RuntimeError(f"no answer from {proc.args[:2]}")
        piece = os.read(proc.stdout.fileno(), 65536)
        if not piece:
            raise RuntimeError(f"{proc.args[:2]} ended")
        data += piece
    return data


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        err = ctypes.get_errno()
        raise OSError(err, f"setns: {os.strerror(err)}")


def die_with_parent(number=signal.SIGKILL):
    """Get this signal when the process that started us is gone."""
    _libc.prctl(PR_SET_PDEATHSIG, number)


def batch(command, lines):
    """Start one `ip` process for many commands; pass it to `finish`."""
    text = "\n".join(lines) + "\n"
    proc = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                            stderr=subprocess.PIPE, text=True)
    return proc, text


def finish(jobs):
    """Feed and wait for processes of `batch`, which run at the same time."""
    for proc, text in jobs:
        with contextlib.suppress(BrokenPipeError):      # its message comes below
            proc.stdin.write(text)
        with contextlib.suppress(BrokenPipeError):
            proc.stdin.close()
        proc.stdin = None
    for proc, text in jobs:
        err = proc.communicate()[1]
        if proc.returncode:
            raise RuntimeError(f"{' '.join(proc.args)}: {err.strip()}\n{text}")


class Netns:
    """One namespace, already made under RUN_DIR by `ip netns add`."""

    def __init__(self, name):
        self.name = name
        self.fd = os.open(os.path.join(RUN_DIR, name), os.O_RDONLY | os.O_CLOEXEC)
        self.procs = []

    @contextlib.contextmanager
    def inside(self):
        own = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _setns(self.fd)
            yield
        finally:
            _setns(own)
            os.close(own)

    def sysctl(self, **values):
        """Names with "__" for "/", for instance net__ipv4__ip_forward=1."""
        with self.inside():
            for name, value in values.items():
                with open("/proc/sys/" + name.replace("__", "/"), "w", encoding="ascii") as f:
                    f.write(str(value))

    def ip(self, *lines):
        finish([self.ip_job(*lines)])

    def ip_job(self, *lines):
        with self.inside():
            return batch(["ip", "-batch", "-"], lines)

    def nft(self, text):
        with self.inside():
            job = batch(["nft", "-f", "-"], [text])
        finish([job])

    def run(self, argv, timeout=30, **kw):
        """Run to the end; the result has returncode, stdout and stderr."""
        with self.inside():
            proc = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True,
                                    preexec_fn=die_with_parent, start_new_session=True, **kw)
        try:
            out, err = proc.communicate(timeout=timeout)
        except BaseException:
            proc.kill()
            proc.communicate()
            raise
        return subprocess.CompletedProcess(argv, proc.returncode, out, err)

    def start(self, argv, **kw):
        """Start in the background. The caller says where the output goes."""
        kw.setdefault("stdin", subprocess.DEVNULL)
        kw.setdefault("stdout", subprocess.DEVNULL)
        kw.setdefault("stderr", subprocess.DEVNULL)
        with self.inside():
            proc = subprocess.Popen(argv, preexec_fn=die_with_parent, start_new_session=True,
                                    **kw)
        self.procs.append(proc)
        return proc

    def socket(self, make):
        """`make()` called inside the namespace; a socket keeps where it was made."""
        with self.inside():
            return make()

    def pids(self):
        """Every process inside, also those whose parent is gone."""
        inode = os.fstat(self.fd).st_ino
        found = []
        for entry in os.listdir("/proc"):
            if not entry.isdigit() or int(entry) == os.getpid():
                continue
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{entry}/ns/net").st_ino == inode:
                    found.append(int(entry))
        return found

    def close(self):
        """End all that runs inside and remove the namespace. Never fails."""
        for proc in self.procs:
            if proc.poll() is None:
                proc.kill()
        if os.stat("/proc/self/ns/net").st_ino != os.fstat(self.fd).st_ino:
            for pid in self.pids():
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        for proc in self.procs:
            proc.wait()
            for pipe in (proc.stdin, proc.stdout, proc.stderr):
                if pipe:
                    with contextlib.suppress(OSError):
                        pipe.close()
        os.close(self.fd)
