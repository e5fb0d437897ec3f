# SPDX-License-Identifier: GPL-2.0-or-later
"""The program tests/support/relay between the two ends of the dedicated link."""
import json
import subprocess

from netns import read_line


def spec(values):
    """What the program calls a SPEC, from a dictionary."""
    return ",".join(f"{name}={value}" for name, value in values.items())


class BadLink:
    """`forth` is from a to b; `both` goes first. Values as in dict(loss=20, jitter=50)."""

    def __init__(self, ns, binary, seed=1, frames=65536, port=3780, **specs):
        argv = [binary, "to-a", "to-b", "--seed", str(seed), "--frames", str(frames), "--port", str(port)]
        for which in sorted(specs, key=("both", "forth", "back").index):
            argv += [f"--{which}", spec(specs[which])]
        self.proc = ns.start(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if read_line(self.proc, 5) != b"ready\n":
            raise RuntimeError("the relay does not start")

    def _ask(self, text):
        self.proc.stdin.write(text.encode() + b"\n")
        self.proc.stdin.flush()
        return json.loads(read_line(self.proc, 10))

    def report(self):
        """Counts of both directions; see the program for their meaning."""
        return self._ask("report")

    def set(self, which="both", **values):
        """Change what is named, from the next datagram on."""
        answer = self._ask(f"set {which} {spec(values)}")
        assert "error" not in answer, f"the relay refuses {values}"

    def stop(self):
        """End it: the link is cut then. Returns the last report."""
        last = self._ask("quit")
        status = self.proc.wait(5)
        assert status == 0, f"the relay ends with {status}"
        return last
