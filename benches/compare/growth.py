"""`growth`: how the cost of a request grows with the number of keys, of connections, with the size of values, with depth."""
import re
import sys
from dataclasses import replace

import machine
import report
import workloads
from measure import Measurement, least, listed
from server import LOAD_CORE, SERVER_CORE, allow_files, all_started

SERVERS = ("kvstore", "valkey9", "redis8", "floor")
KIB, MIB = 1 << 10, 1 << 20
# All values of a size together, so that small ones are many and large ones still fit.
BYTES_OF_VALUES = 64 * MIB
MOST_CONNECTIONS = 10_000
# What takes redis-benchmark seconds, to connect so many or to read so long values, is visited no more than twice.
MANY, LONG = 3000, 16 * MIB
QUICK = {"rounds": 1, "seconds": 0.15}
FULL = {"rounds": 5, "seconds": 0.2}
VALUES = {
    "keys": ([1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000], [1000, 30_000, 1_000_000]),
    "connections": ([1, 3, 10, 30, 100, 300, 1000, 3000, MOST_CONNECTIONS], [1, 100, 3000]),
    "size": ([1, 4, 16, 64, 256, KIB, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB, 4 * MIB, 16 * MIB, 64 * MIB],
             [1, KIB, 64 * KIB, 4 * MIB]),
    "depth": ([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1000], [1, 16, 128, 1000]),
}


def growth(peers, options):
    peers = [peer for peer in peers if options.only or peer.key in SERVERS]
    effort, errors, points, samples = QUICK if options.quick else FULL, [], [], {}
    allow_files(MOST_CONNECTIONS + 200)
    with all_started([peer.with_clients(MOST_CONNECTIONS + 100) for peer in peers], SERVER_CORE, errors) as servers:
        measurement = Measurement(servers, options.seconds or effort["seconds"], errors, cores=LOAD_CORE)
        for dimension, value in chosen(options):
            if dimension == "keys" and not fits(value, len(servers), errors):
                continue
            at_point = workloads_of(dimension, value)
            print(f"{dimension}: {value:,}", file=sys.stderr)
            rounds = options.rounds or effort["rounds"]
            samples.update(measurement.run(at_point, min(rounds, 2) if takes_long(at_point[0]) else rounds))
            points += [{"dimension": dimension, "value": value, "command": w.words[0], "workload": w.name} for w in at_point]
    print_all([peer.name for peer in peers], points, samples)
    report.save("growth", options.json, peers, errors, points=points, samples=listed(samples))


def chosen(options):
    return [(dimension, value) for dimension, (full, quick) in VALUES.items() if re.search(options.match, dimension)
            for value in (quick if options.quick else full)]


def takes_long(workload):
    return workload.connections >= MANY or workload.keys.size >= LONG


def fits(keys, servers, errors):
    """Whether there is memory for so many keys in every server."""
    available = int(machine.first(r"MemAvailable:\s+(\d+)", "/proc/meminfo")) * KIB
    enough = keys * 250 * servers < available
    if not enough:
        errors.append(f"{keys:,} keys are left out: {available >> 30} GiB of memory are too little for {servers} servers")
    return enough


def workloads_of(dimension, value):
    get, set_ = workloads.get, workloads.set_
    if dimension == "keys":
        made = [get(64, 16, value), set_(64, 16, value)]
    elif dimension == "connections":
        made = [replace(get(64, 1), connections=value, without_connecting=True)]
    elif dimension == "size":
        count = max(1, min(workloads.COUNT, BYTES_OF_VALUES // value))
        made = [replace(make(value, 1, count), connections=10) for make in (get, set_)]
    else:
        made = [get(64, value), set_(64, value)]
    return [replace(workload, name=f"{workload.words[0]}, {dimension} {value}") for workload in made]


def print_all(names, points, samples):
    for dimension in VALUES:
        of_it = [point for point in points if point["dimension"] == dimension]
        if not of_it:
            continue
        print(f"\nCPU µs of the server for each request, by {dimension}\n")
        cells = lambda point: [report.number(least(samples.get((name, point["workload"]), []))) for name in names]
        report.table(["", dimension, *names], [[point["command"], f"{point['value']:,}", *cells(point)] for point in of_it])
