"""A load in a process of its own, which is told what to do step by step, and the table of what its steps cost a server."""
import contextlib
import os
import subprocess
import sys

import report
from connection import ServerError
from measure import least, median
from peers import HERE, best
from server import LOAD_CORE, settle_down


@contextlib.contextmanager
def started(server, script, *arguments, program=sys.executable, environment={}):
    """Starts a script, which gets the port first and says when it is ready."""
    command = [program, os.path.join(HERE, script), server.port, *arguments]
    load = subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                            env={**os.environ, **environment}, preexec_fn=settle_down(LOAD_CORE))
    try:
        expect(load, "ready", server)
        yield load
    finally:
        load.stdin.close()
        load.wait()


def ask(load, step, server):
    """Has the load do a step, and waits until it is done."""
    print(step, file=load.stdin, flush=True)
    expect(load, "done", server)


def expect(load, word, server):
    if load.stdout.readline().strip() != word:
        raise ServerError(f"{server.name}: the load ended")


def print_costs(unit, names, chosen, samples):
    print(f"\nCPU µs of the server for each {unit}, least of the rounds; the ratio of the medians beside it\n")
    rows = []
    for name in chosen:
        figures = [{key: value(taken) for key, taken in samples.items()} for value in (least, median)]
        ratios = [report.ratio(of.get(("kvstore", name)), best(name, of)) for of in figures]
        rows.append([name, *[report.number(figures[0].get((server, name))) for server in names], *map(report.number, ratios)])
    report.table(["", *names, "kvstore / best", "of medians"], rows)
