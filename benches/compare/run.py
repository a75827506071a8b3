"""`run`: the table. Each server on one core, the load on the other."""
import re

import report
import workloads
from measure import Measurement, least, listed, median, most
from peers import RIVALS
from server import LOAD_CORE, SERVER_CORE, all_started

QUICK = {"rounds": 2, "seconds": 0.15}
FULL = {"rounds": 20, "seconds": 0.2}


def run(peers, options):
    chosen = [workload for workload in workloads.table() if re.search(options.match, workload.name)]
    effort, errors = QUICK if options.quick else FULL, []
    with all_started(peers, SERVER_CORE, errors) as servers:
        measurement = Measurement(servers, options.seconds or effort["seconds"], errors, cores=LOAD_CORE)
        samples = measurement.run(chosen, options.rounds or effort["rounds"])
    names = [peer.name for peer in peers]
    print_all(names, [workload.name for workload in chosen], samples)
    report.save("run", options.json, peers, errors, workloads=[workload.name for workload in chosen], samples=listed(samples))


def print_all(names, chosen, samples):
    cpu = {key: least(value) for key, value in samples.items()}
    middle = {key: median(value) for key, value in samples.items()}
    print("\nCPU µs of the server for each request, least of the rounds; the ratios of the medians of the rounds beside it\n")
    report.table(["", *names, "kvstore / best", "of medians", "/ floor", "of medians", ""],
                 [row_of_cpu(names, name, cpu, middle) for name in chosen])
    print("\nrequests a second, most of the rounds\n")
    rates = lambda name, server: report.count(most(samples.get((server, name), [])))
    report.table(["", *names], [[name, *[rates(name, server) for server in names]] for name in chosen])
    print("\nms that half / 99 of 100 requests took at most, in the best round\n")
    times = lambda name, server: latency(samples.get((server, name), []))
    report.table(["", *names], [[name, *[times(name, server) for server in names]] for name in chosen])


def row_of_cpu(names, workload, cpu, middle):
    to_best, to_floor = to_best_and_floor(workload, cpu)
    mark = "slower" if to_best and to_best > 1 else ""
    ratios = [to_best, to_best_and_floor(workload, middle)[0], to_floor, to_best_and_floor(workload, middle)[1]]
    return [workload, *[report.number(cpu.get((name, workload))) for name in names], *map(report.number, ratios), mark]


def to_best_and_floor(workload, cpu):
    ours = cpu.get(("kvstore", workload))
    best = min((cpu[name, workload] for name in RIVALS if (name, workload) in cpu), default=None)
    return report.ratio(ours, best), report.ratio(ours, cpu.get(("floor", workload)))


def latency(samples):
    return "–" if not samples else f"{least(samples, 'p50_ms'):.2f} / {least(samples, 'p99_ms'):.2f}"
