"""`publishing`: what a published message costs, by the number of its subscribers."""
import contextlib
import os
import re
import subprocess
import sys
from collections import defaultdict, namedtuple

import report
from connection import ServerError
from measure import least, listed, median
from peers import HERE, best
from server import LOAD_CORE, SERVER_CORE, all_started, allow_files, settle_down

SERVERS = ("kvstore", "valkey9", "redis8")
QUICK, FULL = 2, 15

# Each publisher sends `depth` messages at once, to a channel of its own with so many subscribers.
Workload = namedtuple("Workload", "name kind publishers subscribers depth messages")


def workloads():
    for publishers, subscribers, depth, messages in [
        (50, 1, 1, 10_000), (50, 1, 16, 40_000), (1, 100, 1, 100), (1, 100, 16, 800), (1, 1000, 1, 20), (1, 1000, 16, 80),
    ]:
        yield Workload(f"PUBLISH to {subscribers}, depth {depth}", "channel", publishers, subscribers, depth, messages)
    for depth, messages in [(1, 1000), (16, 8000)]:
        yield Workload(f"PUBLISH to one of 10,000 patterns, depth {depth}", "pattern", 1, 1, depth, messages)


def publishing(peers, options):
    peers = [peer for peer in peers if options.only or peer.key in SERVERS]
    chosen = [workload for workload in workloads() if re.search(options.match, workload.name)]
    allow_files(4000)
    errors, samples = [], defaultdict(list)
    with all_started(peers, SERVER_CORE, errors) as servers:
        for workload in chosen:
            measure(workload, servers, options.rounds or (QUICK if options.quick else FULL), samples)
    print_all([peer.name for peer in peers], [workload.name for workload in chosen], samples)
    report.save("publishing", options.json, peers, errors, samples=listed(samples))


def measure(workload, servers, rounds, samples):
    with contextlib.ExitStack() as stack:
        loads = {server.name: stack.enter_context(started(server, workload)) for server in servers}
        for round_ in range(-1, rounds):
            turn = round_ % len(servers)
            for server in servers[turn:] + servers[:turn]:
                before = server.cpu_seconds()
                ask(loads[server.name], server)
                cpu = server.cpu_seconds() - before
                # The first round warms up.
                if round_ >= 0:
                    taken = {"messages": workload.messages, "cpu_us": cpu / workload.messages * 1e6}
                    samples[server.name, workload.name].append(taken)
    print(f"{workload.name} done", file=sys.stderr)


@contextlib.contextmanager
def started(server, workload):
    program = [sys.executable, os.path.join(HERE, "subscribers.py"), server.port, workload.kind, workload.publishers,
               workload.subscribers, workload.depth, workload.messages]
    load = subprocess.Popen([str(word) for word in program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            preexec_fn=settle_down(LOAD_CORE))
    try:
        expect(load, "ready", server)
        yield load
    finally:
        load.stdin.close()
        load.wait()


def ask(load, server):
    print("publish", file=load.stdin, flush=True)
    expect(load, "done", server)


def expect(load, word, server):
    if load.stdout.readline().strip() != word:
        raise ServerError(f"{server.name}: the load ended")


def print_all(names, chosen, samples):
    print("\nCPU µs of the server for each message, least of the rounds; the ratio of the medians beside it\n")
    rows = []
    for name in chosen:
        figures = [{key: value(taken) for key, taken in samples.items()} for value in (least, median)]
        ratios = [report.ratio(of.get(("kvstore", name)), best(name, of)) for of in figures]
        rows.append([name, *[report.number(figures[0].get((server, name))) for server in names], *map(report.number, ratios)])
    report.table(["", *names, "kvstore / best", "of medians"], rows)
