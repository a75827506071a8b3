"""`observing`: what GET and SET cost while clients are told of changes: by client tracking, and by keyspace events."""
import contextlib
import re
import sys
from collections import defaultdict

import report
from driver import ask, print_costs, started
from measure import listed
from server import SERVER_CORE, all_started, allow_files

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
    print_costs("command", [peer.name for peer in peers], [name for name, *_ in chosen], samples)
    report.save("observing", options.json, peers, errors, samples=listed(samples))


def measure(workload, servers, rounds, samples):
    name, kind, command = workload
    with contextlib.ExitStack() as stack:
        loads = {server.name: stack.enter_context(started(server, "observers.py", kind, command)) for server in servers}
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
