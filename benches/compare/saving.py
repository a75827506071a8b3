"""`saving`: how long clients wait while a snapshot is taken, and the memory that it takes."""
import contextlib
import json
import os
import re
import subprocess
import sys
import time

import report
import workloads
from connection import Connection, ServerError
from load import load
from peers import HERE
from server import LOAD_CORE, all_cores, all_started, settle_down

SERVERS = ("kvstore", "valkey9", "redis8")
QUICK = {"rounds": 1, "keys": 200_000}
FULL = {"rounds": 5, "keys": 1_000_000}
CONNECTIONS, DEPTH = 50, 16
# The load goes on for so long before the snapshot and after it, in seconds.
MARGIN = 1


def saving(peers, options):
    # A save point that is never due: kvstore has no directory otherwise.
    peers = [peer.with_flag("--save", "3600 1000000000") for peer in peers if options.only or peer.key in SERVERS]
    effort, errors, samples = QUICK if options.quick else FULL, [], {}
    keys = workloads.keys(64, count=effort["keys"])
    rate = half_of_saturation(peers, keys, errors)
    for round_ in range(options.rounds or effort["rounds"]):
        for peer in peers:
            # One server at a time: the others' memory is not measured with it.
            with all_started([peer], all_cores(), errors) as [server], watched(server, errors):
                server.fill(keys)
                taken = measure(server, keys, rate)
                samples.setdefault(peer.name, []).append(taken)
        print(f"round {round_ + 1} done", file=sys.stderr)
    print(f"\n{keys.count} keys, {rate / 1000:.0f} thousand SETs a second at depth {DEPTH}; medians of the rounds\n")
    report.table(["", "p50, p99 before, ms", "p50, p99 meanwhile", "most", "seconds", "memory, times that before"],
                 [row(name, taken) for name, taken in samples.items()])
    report.save("saving", options.json, peers, errors, keys=keys.count, rate=rate, samples=samples)


@contextlib.contextmanager
def watched(server, errors):
    try:
        yield
    except (ServerError, OSError, subprocess.SubprocessError, ValueError) as error:
        errors.append(f"{server.name}: {error}")


def half_of_saturation(peers, keys, errors):
    """Half of what the slowest server takes a second."""
    rates = []
    for peer in peers:
        with all_started([peer], all_cores(), errors) as [server], watched(server, errors):
            server.fill(keys)
            words = workloads.set_(64, DEPTH).words
            take = lambda: load(server.port, words, connections=CONNECTIONS, depth=DEPTH, requests=1_000_000, keys=keys.count,
                                cores=LOAD_CORE).rate
            rates.append(max(take() for _ in range(3)))
    return min(rates) / 2


def measure(server, keys, rate):
    """Waits in ms before and during a snapshot, its seconds, and the memory at most, as a multiple of that before."""
    with Connection(server.port) as control:
        before = resident(server)
        saved = lambda: b"rdb_bgsave_in_progress:0" in control.call("INFO", "persistence")
        paced = start(server, keys, rate, 2 * MARGIN + 6)
        time.sleep(MARGIN)
        began, most = time.time(), 0
        control.call("BGSAVE")
        while not saved():
            most = max(most, resident(server))
            time.sleep(0.01)
        ended = time.time()
    taken = json.loads(paced.communicate(timeout=60)[0])
    waits = lambda start, end: sorted(1000 * wait for due, wait in taken if start <= due <= end)
    return {"before": waits(began - MARGIN / 2, began), "meanwhile": waits(began, ended), "seconds": ended - began, "memory": most / before}


def start(server, keys, rate, seconds):
    words = [sys.executable, os.path.join(HERE, "paced.py"), server.port, CONNECTIONS, DEPTH, rate, keys.count, seconds]
    paced = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, text=True, preexec_fn=settle_down(LOAD_CORE))
    if paced.stdout.readline() != "ready\n":
        raise ServerError("the load ended")
    return paced


def resident(server):
    """The bytes of the server and its children, where pages that they share count once."""
    pids = [server.process.pid, *children(server.process.pid)]
    total = 0
    for pid in pids:
        with contextlib.suppress(OSError, ProcessLookupError), open(f"/proc/{pid}/smaps_rollup") as file:
            total += int(re.search(r"Pss:\s+(\d+)", file.read())[1]) * 1024
    return total


def children(pid):
    with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(child) for child in file.read().split()]
    return []


def row(name, taken):
    middle = lambda values: sorted(values)[len(values) // 2]
    at = lambda part, share: middle([sample[part][int(len(sample[part]) * share)] for sample in taken])
    cell = lambda part: f"{at(part, 0.5):.2f}, {at(part, 0.99):.2f}"
    most = middle([sample["meanwhile"][-1] for sample in taken])
    return [name, cell("before"), cell("meanwhile"), f"{most:.1f}", report.number(middle([sample["seconds"] for sample in taken])),
            report.number(middle([sample["memory"] for sample in taken]))]
