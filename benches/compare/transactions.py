"""`transactions`: what MULTI and EXEC add to the commands between them."""
import os
import re
import sys
from dataclasses import dataclass

import report
import workloads
from connection import Connection, ServerError
from load import Load, run
from measure import Measurement, least, listed, median
from peers import HERE
from pipelines import encode_group
from server import LOAD_CORE, SERVER_CORE, all_started

SERVERS = ("kvstore", "valkey9", "redis8", "redis7")
# Groups of eight commands that a connection sends at once.
DEPTHS = (1, 2, 16)
QUICK = {"rounds": 2, "seconds": 0.15}
FULL = {"rounds": 15, "seconds": 0.2}


@dataclass(frozen=True)
class Groups(workloads.Workload):
    """A request is a group of eight commands, alone or between MULTI and EXEC."""

    within_multi: bool = False

    def check(self, server):
        with Connection(server.port) as connection:
            connection.socket.sendall(encode_group(self.words[0], self.within_multi, self.keys.count))
            for _ in range(9 if self.within_multi else 0):
                connection.reply()
            replies = connection.reply() if self.within_multi else [connection.reply() for _ in range(8)]
        if replies != [self.expected] * 8:
            raise ServerError(f"{server.name} answers with {str(replies)[:80]}")

    def load(self, port, requests, cores=LOAD_CORE):
        program = [sys.executable, os.path.join(HERE, "pipelines.py"), port, self.words[0], "multi" if self.within_multi else "alone",
                   self.connections, self.depth, requests, self.keys.count]
        ended = run([str(word) for word in program], b"", cores, patience=120)
        if ended.returncode:
            raise ServerError(ended.stderr.decode(errors="replace").strip()[-300:])
        return Load(float(ended.stdout), None, None)


def groups(name, depth, within_multi):
    title = f"{'MULTI, ' if within_multi else ''}8 {name}s{', EXEC' if within_multi else ''}, {depth} at once"
    expected = b"OK" if name == "SET" else workloads.VALUE.encode()
    return Groups(title, (name,), depth, workloads.keys(64), expected, within_multi=within_multi)


def transactions(peers, options):
    peers = [peer for peer in peers if options.only or peer.key in SERVERS]
    pairs = [(groups(name, depth, False), groups(name, depth, True)) for name in ("GET", "SET") for depth in DEPTHS]
    pairs = [pair for pair in pairs if re.search(options.match, pair[0].name)]
    effort, errors = QUICK if options.quick else FULL, []
    with all_started(peers, SERVER_CORE, errors) as servers:
        measurement = Measurement(servers, options.seconds or effort["seconds"], errors, cores=LOAD_CORE)
        samples = measurement.run([workload for pair in pairs for workload in pair], options.rounds or effort["rounds"])
    print_all([peer.name for peer in peers], pairs, samples)
    report.save("transactions", options.json, peers, errors, samples=listed(samples))


def print_all(names, pairs, samples):
    print("\nCPU µs of the server for eight commands alone → between MULTI and EXEC: the least of the rounds (by the medians: what is "
          "added)\n")
    report.table(["", *names], [[pair[0].name, *[cell(name, pair, samples) for name in names]] for pair in pairs])


def cell(name, pair, samples):
    alone, within = [samples.get((name, workload.name), []) for workload in pair]
    if not alone or not within:
        return "–"
    added = median(within) / median(alone) - 1
    return f"{least(alone):.2f} → {least(within):.2f} ({100 * added:+.0f} %)"
