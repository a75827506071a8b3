"""`bullmq`: what a job of BullMQ costs the server, and how many a program has in a second: adding it, and processing it."""
import contextlib
import os
import re
import shutil
import sys
import time
from collections import defaultdict

import report
from driver import ask, print_costs, started
from measure import listed, most
from peers import BULLMQ
from server import SERVER_CORE, all_started

SERVERS = ("kvstore", "valkey9", "redis8", "redis7")
QUICK, FULL = {"rounds": 2, "jobs": 1000}, {"rounds": 9, "jobs": 4000}
# 50 jobs are on their way at once, but where a worker takes one at a time.
WORKLOADS = {
    "adding jobs": "adding", "adding 50 in a transaction": "adding-bulk", "adding delayed jobs": "adding-delayed",
    "processing, one at a time": "processing-1", "processing, 50 at a time": "processing-50",
    "processing by priority": "processing-prioritized",
}


def bullmq(peers, options):
    modules = os.path.join(options.peers, BULLMQ, "node_modules")
    if not shutil.which("node") or not os.path.isdir(modules):
        sys.exit("there is no BullMQ: ./compare.py setup says how to get it")
    peers = [peer for peer in peers if options.only or peer.key in SERVERS]
    chosen = [name for name in WORKLOADS if re.search(options.match, name)]
    effort, errors, samples = QUICK if options.quick else FULL, [], defaultdict(list)
    with all_started(peers, SERVER_CORE, errors) as servers, contextlib.ExitStack() as stack:
        load = lambda server: started(server, "bullmq.js", effort["jobs"], program="node", environment={"NODE_PATH": os.path.abspath(modules)})
        loads = {server.name: stack.enter_context(load(server)) for server in servers if not server.dead}
        servers = [server for server in servers if server.name in loads]
        for round_ in range(-1, options.rounds or effort["rounds"]):
            for name in chosen:
                turn = round_ % len(servers)
                for server in servers[turn:] + servers[:turn]:
                    taken = measure(server, loads[server.name], WORKLOADS[name], effort["jobs"])
                    # The first round warms up.
                    if round_ >= 0:
                        samples[server.name, name].append(taken)
            print(f"round {round_ + 1} done", file=sys.stderr)
    names = [peer.name for peer in peers]
    print_costs("job", names, chosen, samples)
    print("\njobs a second, most of the rounds: what the program takes, more than the server\n")
    report.table(["", *names], [[name, *[report.count(most(samples.get((server, name), []))) for server in names]] for name in chosen])
    report.save("bullmq", options.json, peers, errors, samples=listed(samples))


def measure(server, load, kind, jobs):
    ask(load, f"prepare {kind}", server)
    server.come_to_rest()
    cpu, begun = server.cpu_seconds(), time.perf_counter()
    ask(load, f"measure {kind}", server)
    return {"jobs": jobs, "rate": jobs / (time.perf_counter() - begun), "cpu_us": (server.cpu_seconds() - cpu) / jobs * 1e6}
