#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The link goes bad: loss, reordering, second copies and delay at once."""
import contextlib
import select
import socket
import struct
import sys
import time

from daemon import PORT
from harness import main, test
from netns import wait_for
from scenario import start_pair
from tables import OTHERS, converge, finished, same_as_kernel, start_churn, start_fill

SO_RCVBUFFORCE = 33
BAD = {"loss": 20, "reorder": 20, "dup": 5, "jitter": 50}


# --- the relay itself ---

@contextlib.contextmanager
def channel(lab, port=PORT):
    """A sending socket on a, a receiving one on b."""
    make = lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)     # noqa: E731
    with lab.a.ns.socket(make) as near, lab.b.ns.socket(make) as far:
        # while the neighbour is being looked for datagrams may overtake each other
        far.bind((lab.b.sync4, 9))
        near.sendto(b"", (lab.b.sync4, 9))
        far.settimeout(10)
        far.recv(1)
    with lab.a.ns.socket(make) as near, lab.b.ns.socket(make) as far:
        far.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, 1 << 22)
        far.bind((lab.b.sync4, port))
        near.connect((lab.b.sync4, port))
        yield near, far


def shower(lab, count, port=PORT, held=0):
    """Send numbered datagrams; returns the numbers in the order they come, and their delays.

    It ends when all that passed the relay is here, and the relay holds `held` of them.
    """
    numbers, delays = [], []
    before = lab.relay.report()["forth"]

    def arrived():
        way = lab.relay.report()["forth"]
        if port == PORT:
            dealt_with = way["matched"] == before["matched"] + count and way["held"] == held
            return dealt_with and len(numbers) >= way["sent"] - before["sent"]
        return len(numbers) >= count

    def look():
        over = arrived()
        while select.select([far], [], [], 0 if over else 0.02)[0]:
            data = far.recv(2048)
            number, sent = struct.unpack_from("!Id", data)
            assert data[12:] == bytes(number % 1400), f"datagram {number} is damaged"
            numbers.append(number)
            delays.append(time.monotonic() - sent)
        return over

    with channel(lab, port) as (near, far):
        for number in range(count):
            near.send(struct.pack("!Id", number, time.monotonic()) + bytes(number % 1400))
            if number % 10 == 9:
                time.sleep(0.001)
        wait_for(look, 20, "the relay is done with all", 0)
    return numbers, delays


def balanced(way):
    """Nothing gets lost that is not counted."""
    return way["matched"] + way["doubled"] == (
        way["lost"] + way["sent"] + way["refused"] + way["failed"] + way["held"])


@test()
def relay_transparent(ctx):
    """Told to do nothing, it does nothing; other ports and protocols always pass."""
    with ctx.lab(relay={}) as lab:
        assert shower(lab, 500)[0] == list(range(500)), "a clean link changes something"
        lab.relay.set("both", loss=100)
        assert shower(lab, 20)[0] == [], "loss of 100 % lets something pass"
        assert shower(lab, 20, port=3781)[0] == list(range(20)), "another port is hit"
        make = lambda: socket.socket(socket.AF_INET6, socket.SOCK_STREAM)   # noqa: E731
        with lab.b.ns.socket(make) as listener, lab.a.ns.socket(make) as near:
            listener.bind((lab.b.sync6, PORT))
            listener.listen()
            near.settimeout(10)
            near.connect((lab.b.sync6, PORT))
            far, _ = listener.accept()
            far.settimeout(10)
            with far.makefile("rb") as stream, far:
                for _ in range(16):
                    near.sendall(bytes(range(256)) * 256)
                    assert stream.read(65536) == bytes(range(256)) * 256, "a stream is damaged"
        last = lab.relay.stop()
        for way in last.values():
            assert balanced(way) and not way["missed"] and not way["other_failed"], last
        assert last["forth"]["matched"] == 520 and last["forth"]["lost"] == 20, last


@test()
def relay_counts(ctx):
    """What arrives is what it says it did, and the same in each run of a seed."""
    runs = []
    for seed in (7, 7, 8):
        with ctx.lab(relay={"seed": seed, "forth": BAD, "back": {"loss": 100}}) as lab:
            numbers, delays = shower(lab, 2000)
            way = lab.relay.stop()["forth"]
        runs.append((set(numbers), sorted(numbers)))
        lost, twice = 2000 - len(set(numbers)), len(numbers) - len(set(numbers))
        assert (way["matched"], way["lost"], way["doubled"], way["sent"]) == \
            (2000, lost, twice, len(numbers)) and balanced(way), (lost, twice, way)
        assert 300 < lost < 500 and 40 < twice < 120, (lost, twice)
        backwards = sum(n < max(numbers[:i]) for i, n in enumerate(numbers) if i)
        assert backwards == way["overtaken"], f"{backwards} overtaken: {way}"
        assert 0.15 < backwards / len(numbers) < 0.3, f"{backwards} of {len(numbers)} come late"
        assert max(delays) >= 0.05, f"no delay beyond {max(delays)} s"
    assert runs[0] == runs[1], "a seed does not decide"
    assert runs[0] != runs[2], "the seed does not matter"


@test()
def relay_limits(ctx):
    """It holds no more than it is told, and its end leaves a cut link."""
    with ctx.lab(relay={"frames": 50, "both": {"delay": 3000}}) as lab:
        numbers, delays = shower(lab, 200)
        assert numbers == list(range(50)) and min(delays) >= 3, (len(numbers), min(delays))
        way = lab.relay.report()["forth"]
        assert way["refused"] == 150 and way["held_max"] == 50 and balanced(way), way
        lab.relay.set("forth", delay=60000)
        assert shower(lab, 10, held=10)[0] == []
        way = lab.relay.stop()["forth"]
        assert way["held"] == 10 and balanced(way), way


# --- a pair over it ---

@test(limit=150)
def converge_bad_link(ctx):
    """FT-FW: both nodes create, update and delete; each ends up with the other's flows."""
    count = ctx.flows(50000)
    with ctx.lab(relay={"both": BAD}, flows=2 * count) as lab:
        start_pair(lab, ctx.ctd, mode="FTFW", general=f"HashLimit {4 * count}")
        # the second node's own flows at the same time
        jobs = [start_fill(ctx, lab.a, count, 10000, kind="mix"),
                start_fill(ctx, lab.b, count, 10000, first=OTHERS, kind="mix")]
        finished(jobs)
        jobs = [start_churn(ctx, lab.a, count, rate=2000, seconds=8, kind="mix", seed=1),
                start_churn(ctx, lab.b, count, rate=2000, seconds=8, kind="mix", seed=2,
                            first=OTHERS)]
        operations = finished(jobs)
        start = time.monotonic()
        for owner, backup in ((lab.a, lab.b), (lab.b, lab.a)):
            diff = converge(owner, backup, 30)
            lab.note(f"{diff.size} flows of {owner.name}, equal {diff.since - start:.2f} s after "
                     f"the last of {operations} operations")
        for node in (lab.a, lab.b):
            same_as_kernel(node)
        last = lab.relay.stop()
        lab.note(f"relay: {last}")
        for way in last.values():
            assert balanced(way) and way["matched"] > 100, way
            assert not way["refused"] and not way["missed"] and not way["failed"], way
            assert way["lost"] > way["matched"] / 8, way
            assert way["overtaken"] > way["matched"] / 20, way


if __name__ == "__main__":
    sys.exit(main())
