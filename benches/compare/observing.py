"""`observing`: what GET and SET cost while clients are told of changes: by client tracking, and by keyspace events."""
import contextlib
import os
import re
import subprocess
import sys
from collections import defaultdict

import report
from connection import ServerError
from measure import least, listed, median
from peers import HERE, best
from server import LOAD_CORE, SERVER_CORE, all_started, allow_files, settle_down

SERVERS = ("kvstore", "valkey9", "redis8")
QUICK, FULL = 2, 15
COMMANDS = 16_000

WORKLOADS = [
    ("GET, 1,000 clients track what they read", "tracking", "GET"),
    ("SET of keys that such clients have read", "tracking", "SET"),
    ("GET, with keyspace events", "events", "GET"),
    ("SET, with keyspace events to a subscriber", "events", "SET"),
]


def observing(peers, options):
    peers = [peer for peer in peers if options.only or peer.key in SERVERS]
    chosen = [workload for workload in WORKLOADS if re.search(options.match, workload[0])]
    allow_files(4000)
    errors, samples = [], defaultdict(list)
    for workload in chosen:
        # Servers of its own for each, since settings stay.
        with all_started(peers, SERVER_CORE, errors) as servers:
            measure(workload, servers, options.rounds or (QUICK if options.quick else FULL), samples)
    print_all([peer.name for peer in peers], [name for name, *_ in chosen], samples)
    report.save("observing", options.json, peers, errors, samples=listed(samples))


def measure(workload, servers, rounds, samples):
    name, kind, command = workload
    with contextlib.ExitStack() as stack:
        loads = {server.name: stack.enter_context(started(server, kind, command)) for server in servers}
        for round_ in range(-1, rounds):
            turn = round_ % len(servers)
            for server in servers[turn:] + servers[:turn]:
                ask(loads[server.name], "prepare", server)
                before = server.cpu_seconds()
                ask(loads[server.name], "run", server)
                cpu = server.cpu_seconds() - before
                # The first round warms up.
                if round_ >= 0:
                    samples[server.name, name].append({"commands": COMMANDS, "cpu_us": cpu / COMMANDS * 1e6})
    print(f"{name} done", file=sys.stderr)


@contextlib.contextmanager
def started(server, kind, command):
    program = [sys.executable, os.path.join(HERE, "observers.py"), str(server.port), kind, command]
    load = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            preexec_fn=settle_down(LOAD_CORE))
    try:
        expect(load, "ready", server)
        yield load
    finally:
        load.stdin.close()
        load.wait()


def ask(load, step, server):
    print(step, file=load.stdin, flush=True)
    expect(load, "done", server)


def expect(load, word, server):
    if load.stdout.readline().strip() != word:
        raise ServerError(f"{server.name}: the load ended")


def print_all(names, chosen, samples):
    print("\nCPU µs of the server for each command, least of the rounds; the ratio of the medians beside it\n")
    rows = []
    for name in chosen:
        figures = [{key: value(taken) for key, taken in samples.items()} for value in (least, median)]
        ratios = [report.ratio(of.get(("kvstore", name)), best(name, of)) for of in figures]
        rows.append([name, *[report.number(figures[0].get((server, name))) for server in names], *map(report.number, ratios)])
    report.table(["", *names, "kvstore / best", "of medians"], rows)
