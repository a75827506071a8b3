"""`threads`: what a second worker thread costs and brings, with all cores open to the servers and the load."""
import re

import report
import workloads
from measure import Measurement, least, listed, median, most
from server import all_cores, all_started

SETTINGS = (1, 2, 3, 4)
LOAD_PROCESSES = 2
QUICK = {"rounds": 2, "seconds": 0.15}
FULL = {"rounds": 10, "seconds": 0.25}


def threads(peers, options):
    chosen = [make(64, depth) for make in (workloads.get, workloads.set_) for depth in (1, 16, 128)]
    chosen = [workload for workload in chosen if re.search(options.match, workload.name)]
    effort, errors = QUICK if options.quick else FULL, []
    settings = [setting for peer in peers for setting in settings_of(peer, (1, 2) if options.quick else SETTINGS)]
    with all_started(settings, all_cores(), errors) as servers:
        measurement = Measurement(servers, options.seconds or effort["seconds"], errors, cores=all_cores(), processes=LOAD_PROCESSES)
        samples = measurement.run(chosen, options.rounds or effort["rounds"])
    print_all(peers, settings, chosen, samples)
    report.save("threads", options.json, settings, errors, workloads=[workload.name for workload in chosen], samples=listed(samples))


def settings_of(peer, counts):
    """kvstore with one worker thread and with two; the others with every number of threads that is tried."""
    if peer.key == "kvstore":
        counts = (1, 2)
    if not peer.threads_flag:
        return [peer]
    return [peer.with_threads(count, f"{peer.name}, {count} thread{'s'[:count > 1]}") for count in counts]


def print_all(peers, settings, chosen, samples):
    rate = lambda setting, workload: most(samples.get((setting.name, workload.name), []))
    cpu = lambda setting, workload: least(samples.get((setting.name, workload.name), []))
    middle = lambda setting, workload: median(samples.get((setting.name, workload.name), []))
    print("\nkvstore: CPU µs for each request, least of the rounds\n")
    ours = [setting for setting in settings if setting.key == "kvstore"]
    two_to_one = lambda figure, workload: report.number(report.ratio(figure(ours[-1], workload), figure(ours[0], workload)))
    rows = [[workload.name, *[report.number(cpu(setting, workload)) for setting in ours],
             two_to_one(cpu, workload), two_to_one(middle, workload)] for workload in chosen]
    report.table(["", *[setting.name for setting in ours], "two / one", "of medians"], rows)
    print("\nrequests a second (CPU µs for each), every server at the number of threads that is best for it\n")
    rows = []
    for workload in chosen:
        best = [best_of([s for s in settings if s.key == peer.key], lambda s: rate(s, workload)) for peer in peers]
        rows.append([workload.name, *[cell(setting, rate(setting, workload), cpu(setting, workload)) for setting in best]])
    report.table(["", *[peer.name for peer in peers]], rows)


def best_of(settings, rate):
    return max(settings, key=lambda setting: rate(setting) or 0)


def cell(setting, rate, cpu):
    threads = setting.name.partition(", ")[2]
    return f"{report.count(rate)} ({report.number(cpu)})" + (f", {threads}" if threads else "")
