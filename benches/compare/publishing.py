"""`publishing`: what a published message costs, by the number of its subscribers, and an element that a client waits for."""
import contextlib
import re
import sys
from collections import defaultdict, namedtuple

import report
from driver import ask, print_costs, started
from measure import listed
from server import SERVER_CORE, all_started, allow_files

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
    yield Workload("BLPOP and LPUSH, 50 pairs", "list", 50, 1, 1, 10_000)


def publishing(peers, options):
    peers = [peer for peer in peers if options.only or peer.key in SERVERS]
    chosen = [workload for workload in workloads() if re.search(options.match, workload.name)]
    allow_files(4000)
    errors, samples = [], defaultdict(list)
    with all_started(peers, SERVER_CORE, errors) as servers:
        for workload in chosen:
            measure(workload, servers, options.rounds or (QUICK if options.quick else FULL), samples)
    print_costs("message", [peer.name for peer in peers], [workload.name for workload in chosen], samples)
    report.save("publishing", options.json, peers, errors, samples=listed(samples))


def measure(workload, servers, rounds, samples):
    arguments = (workload.kind, workload.publishers, workload.subscribers, workload.depth, workload.messages)
    with contextlib.ExitStack() as stack:
        loads = {server.name: stack.enter_context(started(server, "subscribers.py", *arguments)) for server in servers}
        for round_ in range(-1, rounds):
            turn = round_ % len(servers)
            for server in servers[turn:] + servers[:turn]:
                before = server.cpu_seconds()
                ask(loads[server.name], "publish", server)
                cpu = server.cpu_seconds() - before
                # The first round warms up.
                if round_ >= 0:
                    taken = {"messages": workload.messages, "cpu_us": cpu / workload.messages * 1e6}
                    samples[server.name, workload.name].append(taken)
    print(f"{workload.name} done", file=sys.stderr)
