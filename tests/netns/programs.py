# SPDX-License-Identifier: GPL-2.0-or-later
"""Servers and clients of protocols with helpers: FTP, TFTP, SIP.

The servers are programs of the distribution. So are the clients, with one
exception: where a test must stop between two steps of a dialogue, the FTP client
is Python's own.
"""
import ftplib
import hashlib
import os
import random
import shutil
import signal
import socket
import subprocess
import threading

from harness import HERE, Skip
from netns import wait_for

HELPERS = """
table inet helpers {
    ct helper ftp { type "ftp" protocol tcp; l3proto inet; }
    ct helper tftp { type "tftp" protocol udp; l3proto inet; }
    ct helper sip { type "sip" protocol udp; l3proto inet; }
    chain assign {
        type filter hook prerouting priority filter;
        tcp dport 21 ct helper set "ftp"
        udp dport 69 ct helper set "tftp"
        udp dport 5060 ct helper set "sip"
    }
}
"""
# What a client opens must be a control connection, or expected.
STRICT = """
table inet strict {
    chain routed {
        type filter hook forward priority filter - 5;
        ct state new tcp dport != 21 counter drop
        ct state new udp dport != { 69, 5060 } counter drop
    }
}
"""
VSFTPD = """
background=NO
listen={listen4}
listen_ipv6={listen6}
anonymous_enable=YES
no_anon_password=YES
anon_root={root}
local_enable=NO
secure_chroot_dir={empty}
connect_from_port_20=YES
isolate=NO
isolate_network=NO
seccomp_sandbox=NO
xferlog_enable=NO
idle_session_timeout=300
data_connection_timeout=120
accept_timeout=120
connect_timeout=60
"""
SMALL, BIG = 50_000, 30_000_000
RATE = 1_500_000        # bytes per second of the big file, until it may come as fast as it can
WINDOW = 1 << 18        # bytes that may be on their way to a client that reads slowly


def need(program):
    """Its path."""
    path = shutil.which(program)
    if not path:
        raise Skip(f"needs {program} (see scripts/deps)")
    return path


def _fill(path, size, seed):
    data = random.Random(seed).randbytes(size)
    with open(path, "wb") as f:
        f.write(data)
    os.chmod(path, 0o644)
    return hashlib.sha256(data).hexdigest()


def listens(lab, port, kind="-lun"):
    """Wait until the server's namespace has a socket bound to that port."""
    wait_for(lambda: port in lab.ns["sv"].run(["ss", "-H", kind]).stdout, 20,
             f"somebody listens on {port}", 0.05)


class Files:
    """A folder to serve, and what is in it: `sums` by name."""

    def __init__(self, lab):
        os.chmod(lab.folder, 0o755)
        self.root = os.path.join(lab.folder, "served")
        os.makedirs(self.root, mode=0o755, exist_ok=True)
        self.sums = {"small": _fill(os.path.join(self.root, "small"), SMALL, 1),
                     "big": _fill(os.path.join(self.root, "big"), BIG, 2)}


# --- FTP ---

class FtpServer(Files):
    """vsftpd in the server's namespace."""

    def __init__(self, lab, v6=False):
        super().__init__(lab)
        program = need("vsftpd")
        empty = os.path.join(lab.folder, "empty")
        os.makedirs(empty, mode=0o755, exist_ok=True)
        conf = os.path.join(lab.folder, "vsftpd.conf")
        with open(conf, "w", encoding="ascii") as f:
            f.write(VSFTPD.format(listen4="NO" if v6 else "YES", listen6="YES" if v6 else "NO",
                                  root=self.root, empty=empty))
        lab.ns["sv"].start([program, conf])
        listens(lab, ":21 ", "-ltn")


class FtpSession:
    """A control connection from the client's namespace."""

    def __init__(self, lab, server, active=False):
        self.ns = lab.ns["cl"]
        self.active = active
        self.announced = None
        with self.ns.inside():
            self.ftp = ftplib.FTP(timeout=30)
            self.ftp.trust_server_pasv_ipv4_address = True      # what was translated counts
            self.ftp.set_pasv(not active)
            self.ftp.connect(server)
        self.local = self.ftp.sock.getsockname()[1]
        self.ftp.login()

    def announce(self):
        """Have a data connection announced, and do not open it."""
        with self.ns.inside():
            self.announced = self.ftp.makeport() if self.active else self.ftp.makepasv()
        if self.active:
            self.announced.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)

    def port(self):
        """Of the announced connection."""
        return self.announced.getsockname()[1] if self.active else self.announced[1]

    def _open(self):
        """The announced connection, from here or from there."""
        if not self.active:
            conn = self.ns.socket(lambda: socket.socket(self.ftp.af))
            conn.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
            conn.settimeout(30)
            conn.connect(self.announced)
            return conn
        self.announced.settimeout(30)
        with self.announced:
            return self.announced.accept()[0]

    def fetch_announced(self, name="small"):
        """Read a file over the announced connection; its checksum."""
        conn = None if self.active else self._open()
        answer = self.ftp.sendcmd(f"RETR {name}")
        assert answer.startswith("1"), answer
        return self._read(conn or self._open())

    def fetch(self, name="small"):
        self.announce()
        return self.fetch_announced(name)

    def _read(self, conn):
        digest = hashlib.sha256()
        with conn:
            while data := conn.recv(65536):
                digest.update(data)
        answer = self.ftp.voidresp()
        assert answer.startswith("2"), answer
        return digest.hexdigest()

    def close(self):
        self.ftp.close()


class Download(threading.Thread):
    """A big file that is being read while other things happen, slowly until `finish`."""

    def __init__(self, lab, server, active):
        super().__init__(daemon=True)
        self.session = FtpSession(lab, server, active)
        self.session.announce()
        self.conn = None if active else self.session._open()
        self.session.ftp.sendcmd("RETR big")
        self.conn = self.conn or self.session._open()
        self.count, self.sum, self.error = 0, None, None
        self.hurry = threading.Event()
        self.start()
        wait_for(lambda: self.count > 0, 20, "the download runs", 0.02)

    def run(self):
        digest = hashlib.sha256()
        try:
            with self.conn:
                while data := self.conn.recv(65536):
                    digest.update(data)
                    self.count += len(data)
                    self.hurry.wait(len(data) / RATE)
            answer = self.session.ftp.voidresp()
            assert answer.startswith("226"), answer
            self.sum = digest.hexdigest()
        except Exception as why:        # told by finish()
            self.error = why

    def is_running(self):
        """Has more to come than what may wait to be read."""
        return self.is_alive() and self.count < BIG - 4 * WINDOW

    def finish(self, timeout=60):
        self.hurry.set()
        self.join(timeout)
        assert not self.is_alive(), f"the download hangs at {self.count} of {BIG} bytes"
        assert self.error is None, f"the download broke at {self.count} bytes: {self.error}"
        self.session.close()
        return self.sum


def curl(lab, url, *options):
    """Fetch with curl; the checksum of what came."""
    path = os.path.join(lab.folder, "fetched")
    done = lab.ns["cl"].run([need("curl"), "-sS", "-g", "--max-time", "30", "-o", path, *options,
                             url], timeout=40)
    assert done.returncode == 0, f"curl {options}: {done.stderr.strip()}"
    with open(path, "rb") as f:
        return hashlib.sha256(f.read()).hexdigest()


# --- programs that can be halted in the middle ---

class Halting:
    """A process; `halt` stops it, `go_on` lets it continue."""

    def __init__(self, ns, argv, **kw):
        self.proc = ns.start(argv, **kw)

    def alive(self):
        return self.proc.poll() is None

    def halt(self):
        self.proc.send_signal(signal.SIGSTOP)
        wait_for(lambda: self._state() == "T", 10, "the program stands still", 0.01)

    def _state(self):
        with open(f"/proc/{self.proc.pid}/stat", encoding="ascii") as f:
            return f.read().rpartition(")")[2].split()[0]

    def go_on(self):
        self.proc.send_signal(signal.SIGCONT)


class TftpServer(Halting):
    """in.tftpd of tftpd-hpa."""

    def __init__(self, lab, server):
        self.files = Files(lab)
        super().__init__(lab.ns["sv"], [need("in.tftpd"), "-L", "-a", f"{server}:69", "-u", "root",
                                        "-s", self.files.root])
        listens(lab, ":69 ")


class TftpFetch:
    """The client of tftp-hpa fetches a file; it asks once and then waits for a minute."""

    def __init__(self, lab, server, name="small"):
        self.path = os.path.join(lab.folder, "tftp-fetched")
        self.proc = lab.ns["cl"].start([need("tftp"), "-4", server], stdin=subprocess.PIPE)
        self.proc.stdin.write(f"rexmt 60\ntimeout 90\nbinary\nget {name} {self.path}\n"
                              .encode("ascii"))
        self.proc.stdin.close()

    def finish(self, timeout=50):
        """The checksum of what came."""
        try:
            self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError("the file does not come") from None
        with open(self.path, "rb") as f:
            return hashlib.sha256(f.read()).hexdigest()


class Sipp(Halting):
    """SIPp with a scenario of this folder."""

    def __init__(self, lab, where, scenario, *options):
        self.trace = os.path.join(lab.folder, f"{scenario}.log")
        super().__init__(lab.ns[where], [
            need("sipp"), "-sf", os.path.join(HERE, f"{scenario}.xml"), "-m", "1", "-nostdin",
            "-trace_msg", "-message_file", self.trace, "-timeout", "120", *options],
            cwd=lab.folder)

    def said(self, text):
        try:
            with open(self.trace, encoding="ascii", errors="replace") as f:
                return text in f.read()
        except OSError:
            return False

    def wait_said(self, text, timeout=20):
        wait_for(lambda: self.said(text) or not self.alive(), timeout, f"SIPp sees {text!r}", 0.02)
        assert self.said(text), f"SIPp ended with {self.proc.returncode} before {text!r}"

    def finish(self, timeout=40):
        try:
            code = self.proc.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"SIPp does not end ({self.trace})") from None
        assert code == 0, f"SIPp ended with {code}"
