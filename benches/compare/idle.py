"""`idle`: 10,000 connections of which 100 are active: how long their requests take."""
import statistics

import report
import workloads
from connection import ServerError
from load import load
from measure import listed, sample
from memory import close_all, open_idle
from server import LOAD_CORE, SERVER_CORE, allow_files, all_started

ACTIVE = 100
QUICK = {"connections": 2000, "rounds": 1, "requests": 50_000}
FULL = {"connections": 10_000, "rounds": 5, "requests": 200_000}
WORKLOAD = workloads.get(64, 1)


def idle(peers, options):
    effort, errors, samples = QUICK if options.quick else FULL, [], {}
    connections = min(effort["connections"], allow_files(effort["connections"] + 200) - 200)
    with all_started([peer.with_clients(connections + 100) for peer in peers], SERVER_CORE, errors) as servers:
        for server in servers:
            if not server.dead:
                server.fill(WORKLOAD.keys)
        for turn in range(options.rounds or effort["rounds"]):
            turn %= len(servers)
            for server in servers[turn:] + servers[:turn]:
                visit(server, connections, effort["requests"], samples, errors)
    print_all(peers, connections, samples)
    report.save("idle", options.json, peers, errors, connections=connections, active=ACTIVE, samples=listed(samples))


def visit(server, connections, requests, samples, errors):
    if server.dead:
        return
    try:
        waiting = open_idle(server, connections - ACTIVE)
        try:
            server.come_to_rest()
            before = server.cpu_seconds()
            got = load(server.port, WORKLOAD.words, connections=ACTIVE, requests=requests, cores=LOAD_CORE)
            cpu = server.cpu_seconds() - before
        finally:
            close_all(waiting)
        server.come_to_rest()
        samples.setdefault((server.name, WORKLOAD.name), []).append(sample(requests, cpu, got))
    except (ServerError, OSError) as error:
        errors.append(f"{server.name}: {error}")
        server.dead = None if server.is_running() else "ended"


def print_all(peers, connections, samples):
    print(f"\n{connections:,} connections, {ACTIVE} of them with a GET at depth 1 under way: median of the rounds (least)\n")
    rows = []
    for peer in peers:
        rounds = samples.get((peer.name, WORKLOAD.name))
        if rounds:
            rows.append([peer.name, *[summary(rounds, field) for field in ("p50_ms", "p99_ms", "cpu_us")],
                         report.count(max(round_["rate"] for round_ in rounds))])
    report.table(["", "p50, ms", "p99, ms", "CPU µs", "requests a second"], rows)


def summary(rounds, field):
    figures = [round_[field] for round_ in rounds]
    return f"{statistics.median(figures):.2f} ({min(figures):.2f})"
