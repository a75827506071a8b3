"""`run`: the table. Each server on one core, the load on the other."""
import re

import report
import workloads
from measure import Measurement, least, listed, median, most
from peers import best
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
    to_best = [report.ratio(figures.get(("kvstore", workload)), best(workload, figures)) for figures in (cpu, middle)]
    to_floor = [report.ratio(figures.get(("kvstore", workload)), figures.get(("floor", workload))) for figures in (cpu, middle)]
    mark = "slower" if to_best[0] and to_best[0] > 1 else ""
    cells = [*[cpu.get((name, workload)) for name in names], *to_best, *to_floor]
    return [workload, *map(report.number, cells), mark]


def latency(samples):
    return "–" if not samples else f"{least(samples, 'p50_ms'):.2f} / {least(samples, 'p99_ms'):.2f}"
