"""The load: redis-benchmark, run once, and what it says."""
import csv
import os
import re
import subprocess
from collections import namedtuple
from concurrent.futures import ThreadPoolExecutor

from connection import ServerError
from peers import load_generator
from server import LOAD_CORE, settle_down

# Requests a second, and milliseconds that half and 99 of 100 requests took at most.
Load = namedtuple("Load", "rate p50 p99")


def load(port, words, *, connections=50, depth=1, requests, keys=100_000, processes=1, cores=LOAD_CORE, patience=120,
         flags=()):
    """Sends `requests` times the words; `__rand_int__` in them becomes the number of a key at random.

    The last word may be bytes: it is passed through a pipe, since arguments of a program have a length limit. With several
    processes each has its share. (Threads of redis-benchmark find out that they are done every 250 ms only.)"""
    command = [load_generator(), "-h", "127.0.0.1", "-p", str(port), "-c", str(connections // processes), "-P", str(depth),
               "-n", str(requests // processes), "-r", str(keys), "--precision", "3", "--csv", *flags]
    *first, last = words
    command += ["-x", *first] if isinstance(last, bytes) else [*first, last]
    piped = last if isinstance(last, bytes) else b""
    with ThreadPoolExecutor(processes) as pool:
        runs = list(pool.map(lambda _: parse(run(command, piped, cores, patience)), range(processes)))
    return Load(sum(run.rate for run in runs), max(run.p50 for run in runs), max(run.p99 for run in runs))


def run(command, piped, cores, patience):
    try:
        return subprocess.run(command, input=piped, capture_output=True, timeout=patience,
                              env={**os.environ, "LC_ALL": "C"}, preexec_fn=settle_down(cores))
    except subprocess.TimeoutExpired:
        raise ServerError(f"no end after {patience} s") from None


def parse(run):
    said, complaint = run.stdout.decode(errors="replace"), run.stderr.decode(errors="replace")
    rows = [row for row in csv.reader(said.splitlines()) if len(row) >= 8]
    # What it prints when a reply is an error, or when a connection breaks.
    if run.returncode or not rows or re.search(r"Error from server|^Error", said + complaint, re.M):
        raise ServerError((complaint or said).strip()[-300:] or f"redis-benchmark ended with {run.returncode}")
    rate, p50, p99 = rows[-1][1], rows[-1][4], rows[-1][6]
    return Load(float(rate), float(p50), float(p99))
