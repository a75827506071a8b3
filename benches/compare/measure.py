"""Servers in turn, so that what else the machine does hits all of them alike."""
import math
import statistics
import sys
from collections import defaultdict

from connection import ServerError

# The run that finds out how many requests fill a sample has so many, but no more than have so many bytes.
FIRST, FIRST_BYTES = 2000, 256 << 20


class Measurement:
    def __init__(self, servers, seconds, errors, **options):
        self.servers, self.seconds, self.errors, self.options = servers, seconds, errors, options
        self.samples = defaultdict(list)
        self.lengths = {}
        self.connecting = {}
        self.held = {}

    def run(self, workloads, rounds):
        # Those with the same keys after each other: a server holds the keys of one workload at a time.
        workloads = sorted(workloads, key=lambda workload: workload.keys[:3])
        for workload in workloads:
            for server in self.servers:
                self.prepare(server, workload)
        for round_ in range(rounds):
            for workload in workloads:
                turn = round_ % max(1, len(self.servers))
                for server in self.servers[turn:] + self.servers[:turn]:
                    self.visit(server, workload)
            print(f"round {round_ + 1} of {rounds} done", file=sys.stderr)
        return self.samples

    def prepare(self, server, workload):
        """Sets the keys, looks whether the answers are right, and finds how many requests fill a sample. Warms up, too."""
        if server.dead:
            return
        with self.watch(server, workload):
            self.fill(server, workload)
            workload.check(server)
            if workload.without_connecting:
                self.connecting[server.name, workload.name], _ = self.cost(server, workload, workload.connections)
            requests = max(workload.fewest(), min(FIRST, FIRST_BYTES // workload.keys.size))
            # To connect thousands takes redis-benchmark seconds: they are given no more than the fewest.
            for _ in range(2 if workload.connections < 1000 else 0):
                sample = self.sample(server, workload, self.at_most(workload, requests))
                rate = sample["rate"]
                # No end of requests a second: they took less time than the load generator can tell.
                filling = 10 * requests if math.isinf(rate) else int(self.seconds * rate)
                requests = max(workload.fewest(), filling)
            self.lengths[server.name, workload.name] = self.at_most(workload, requests)

    def visit(self, server, workload):
        requests = self.lengths.get((server.name, workload.name))
        if server.dead or not requests:
            return
        with self.watch(server, workload):
            self.fill(server, workload)
            self.samples[server.name, workload.name].append(self.sample(server, workload, requests))

    def fill(self, server, workload):
        """Sets the keys, if other keys are there, or if the command changes what it meets."""
        held, keys = self.held.pop(server.name, None), workload.keys
        grows = held and held._replace(count=keys.count) == keys and held.count < keys.count
        if held != keys or workload.most:
            server.fill(keys, first=held.count if grows else 0, anew=held != keys and not grows)
        self.held[server.name] = keys

    def at_most(self, workload, requests):
        return min(requests, workload.most or requests)

    def sample(self, server, workload, requests):
        connecting = self.connecting.get((server.name, workload.name), 0)
        if workload.without_connecting:
            server.come_to_rest()
        cpu, got = self.cost(server, workload, requests + (workload.connections if connecting else 0))
        return sample(requests, cpu - connecting, got)

    def cost(self, server, workload, requests):
        before = server.cpu_seconds()
        got = workload.load(server.load_port, requests, flags=server.peer.load_flags, **self.options)
        return server.cpu_seconds() - before, got

    def watch(self, server, workload):
        return Watch(self, server, workload)


class Watch:
    """What goes wrong with a server at a workload is told of, and that workload of that server left out."""

    def __init__(self, measurement, server, workload):
        self.measurement, self.server, self.workload = measurement, server, workload

    def __enter__(self):
        return self

    def __exit__(self, kind, error, _):
        if kind is None or not issubclass(kind, (ServerError, OSError)):
            return False
        measurement, server, name = self.measurement, self.server, self.workload.name
        if not server.is_running():
            server.dead = f"ended with exit code {server.process.returncode}"
        measurement.errors.append(f"{server.name}, {name}: {error}" + (f"; {server.dead}" if server.dead else ""))
        print("!!", measurement.errors[-1], file=sys.stderr)
        measurement.samples.pop((server.name, name), None)
        measurement.lengths.pop((server.name, name), None)
        return True


def sample(requests, cpu, got):
    return {"requests": requests, "cpu_us": cpu / requests * 1e6, "rate": got.rate, "p50_ms": got.p50, "p99_ms": got.p99}


def listed(samples):
    return [{"server": server, "workload": workload, **taken} for (server, workload), all_ in samples.items() for taken in all_]


def least(samples, field="cpu_us"):
    return min((sample[field] for sample in samples), default=None)


def median(samples, field="cpu_us"):
    return statistics.median(sample[field] for sample in samples) if samples else None


def most(samples, field="rate"):
    return max((sample[field] for sample in samples), default=None)
