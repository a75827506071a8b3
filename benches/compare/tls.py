"""`tls`: GET and SET over TLS, beside the same without it."""
import contextlib
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import replace

import report
import workloads
from measure import Measurement, least, listed, median
from server import LOAD_CORE, SERVER_CORE, all_started

QUICK = {"rounds": 2, "seconds": 0.3}
FULL = {"rounds": 10, "seconds": 0.5}
# Those of the peers that are built with TLS as they are installed.
SERVERS = ("kvstore", "redis7")
FILES = ("--tls-cert-file", "{folder}/server.crt", "--tls-key-file", "{folder}/server.key", "--tls-auth-clients", "no")
LONG = 16 << 10


def tls(peers, options):
    chosen = [make(size, depth) for size, depths in ((64, (1, 16)), (LONG, (1,))) for depth in depths
              for make in (workloads.get, few_set if size == LONG else workloads.set_)]
    chosen = [workload for workload in chosen if re.search(options.match, workload.name)]
    # Handshakes cost as much as many requests: they are measured before, and taken off.
    chosen = [replace(workload, without_connecting=True) for workload in chosen]
    effort, errors = QUICK if options.quick else FULL, []
    with certificates() as folder:
        peers = [each for peer in peers if options.only or peer.key in SERVERS for each in (over_tls(peer, folder), peer)]
        with all_started(peers, SERVER_CORE, errors) as servers:
            measurement = Measurement(servers, options.seconds or effort["seconds"], errors, cores=LOAD_CORE)
            samples = measurement.run(chosen, options.rounds or effort["rounds"])
    names = [peer.name for peer in peers]
    print_costs(names, [workload.name for workload in chosen], samples)
    print_connecting(names, measurement)
    report.save("tls", options.json, peers, errors, workloads=[workload.name for workload in chosen], samples=listed(samples))


def few_set(size, depth):
    return replace(workloads.set_(size, depth), keys=workloads.keys(size, count=1000))


@contextlib.contextmanager
def certificates():
    """A folder with a certificate of the kind that is cheap for all: ECDSA with P-256. It signs itself."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                   "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                   "-keyout", "server.key", "-out", "server.crt"]
        made = subprocess.run(command, cwd=folder, capture_output=True, text=True)
        if made.returncode:
            sys.exit(f"no certificate: {made.stderr}")
        yield folder


def over_tls(peer, folder):
    files = [word.replace("{folder}", folder) for word in FILES]
    # Redis wants authorities even where clients show no certificates.
    arguments = (*peer.arguments, "--tls-port", "{load_port}", *files, "--tls-ca-cert-file", os.path.join(folder, "server.crt"))
    return replace(peer, key=f"{peer.key}-tls", name=f"{peer.name}, TLS", arguments=arguments,
                   load_flags=("--tls", "--cacert", os.path.join(folder, "server.crt")))


def print_costs(names, chosen, samples):
    figures = lambda statistic: {key: statistic(value) for key, value in samples.items()}
    for title, cpu in (("least", figures(least)), ("median", figures(median))):
        print(f"\nCPU µs of the server for each request, {title} of the rounds\n")
        report.table(["", *names], [[name, *[report.number(cpu.get((server, name))) for server in names]] for name in chosen])


def print_connecting(names, measurement):
    """What a connection costs with its handshake and one request, the least of all workloads of small values."""
    cost = lambda name: min((cpu for (server, _), cpu in measurement.connecting.items() if server == name), default=None)
    print("\nCPU µs of the server for a connection with one request, or a pipeline of them\n")
    report.table(["", *names], [["to connect", *[report.number(cost(name) and cost(name) / 50 * 1e6) for name in names]]])
