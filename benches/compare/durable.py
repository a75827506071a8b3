"""`durable`: what a journal costs, with each policy; what it takes on disk; and how long a start from it takes."""
import contextlib
import os
import re
import shutil
import struct
import subprocess
import tempfile
import time
from dataclasses import replace

import report
import workloads
from connection import Connection, ServerError
from load import load
from peers import HERE, best
from server import LOAD_CORE, SERVER_CORE, Server, all_cores

SERVERS = ("kvstore", "valkey9", "redis8", "redis7")
QUICK = {"rounds": 2, "keys": 100_000, "seconds": 0.3}
FULL = {"rounds": 8, "keys": 1_000_000, "seconds": 1}
CONNECTIONS = 50
DEPTHS = (1, 16)
# The threads of a server that write and sync, by their names.
WRITERS = re.compile("journal|bio")
SIMULATED = 100


def durable(peers, options):
    peers = [peer for peer in peers if options.only or peer.key in SERVERS]
    effort, errors, measured = QUICK if options.quick else FULL, [], {}
    rounds, seconds = options.rounds or effort["rounds"], options.seconds or effort["seconds"]
    for name, part in (("everysec", everysec), ("always", always), ("start", start)):
        if re.search(options.match, name):
            measured[name] = part(peers, rounds, seconds, effort["keys"], errors)
    report.save("durable", options.json, peers, errors, **measured)


def with_journal(peer, policy):
    journaled = peer.with_flag("--appendonly", "no" if policy is None else "yes")
    return replace(journaled if policy is None else journaled.with_flag("--appendfsync", policy), name=label(peer, policy))


def label(peer, policy):
    return f"{peer.name}, no journal" if policy is None else peer.name


def everysec(peers, rounds, seconds, _, errors):
    """CPU of a SET at depth 16: of all threads, and of those that serve connections."""
    chosen = [with_journal(peers[0], None), *[with_journal(peer, "everysec") for peer in peers]]
    samples = {}
    with contextlib.ExitStack() as stack:
        servers = [server for peer in chosen if (server := begin(stack, peer, errors))]
        for _ in range(rounds):
            for server in servers:
                samples.setdefault(server.name, []).append(cost(server, seconds))
    print("\nCPU µs of a SET at depth 16 with `everysec`, least of the rounds\n")
    least = lambda name, part: min((sample[part] for sample in samples.get(name, [])), default=None)
    report.table(["", "all threads", "those of connections"],
                 [[peer.name, report.number(least(peer.name, 0)), report.number(least(peer.name, 1))] for peer in chosen])
    return samples


def cost(server, seconds):
    requests = requests_for(server, 16, seconds)
    before = server.cpu_seconds(), writers_seconds(server)
    load(server.port, set_words(), connections=CONNECTIONS, depth=16, requests=requests, cores=LOAD_CORE)
    all_ = server.cpu_seconds() - before[0]
    return [1e6 * all_ / requests, 1e6 * (all_ - writers_seconds(server) + before[1]) / requests]


def writers_seconds(server):
    """The CPU time of the threads that write."""
    folder, total = f"/proc/{server.process.pid}/task", 0
    for thread in os.listdir(folder):
        with open(f"{folder}/{thread}/comm") as name, open(f"{folder}/{thread}/schedstat") as times:
            if WRITERS.search(name.read()):
                total += int(times.read().split()[0])
    return total / 1e9


def set_words():
    return workloads.set_(64, 16).words


def requests_for(server, depth, seconds):
    trial = load(server.port, set_words(), connections=CONNECTIONS, depth=depth, requests=CONNECTIONS * depth * 10)
    return max(CONNECTIONS * depth * 10, int(min(trial.rate, 2e6) * seconds))


def always(peers, rounds, seconds, _, errors):
    """SETs a second that are on disk when they are answered, on the disk of this machine and on one that is simulated."""
    figures = {}
    for disk in ("the disk", "0.1 ms"):
        for peer in peers:
            with contextlib.ExitStack() as stack:
                counter = stack.enter_context(tempfile.NamedTemporaryFile())
                counter.write(bytes(8))
                counter.flush()
                peer = with_journal(peer, "always")
                server = begin(stack, peer if disk == "the disk" else simulated(peer, counter.name), errors)
                for depth in DEPTHS if server else ():
                    figures[disk, depth, peer.name] = [rate(server, depth, seconds, counter.name) for _ in range(rounds)]
    print("\nthousands of SETs a second with `always`, most of the rounds; in brackets how many share an fsync, of those outstanding\n")
    rows = [(disk, depth) for disk in ("the disk", "0.1 ms") for depth in DEPTHS]
    report.table(["", *[peer.name for peer in peers]],
                 [[f"fsync of {disk}, depth {depth}", *[shown(figures.get((disk, depth, peer.name)), depth) for peer in peers]]
                  for disk, depth in rows])
    return [{"disk": disk, "depth": depth, "server": name, "rounds": taken} for (disk, depth, name), taken in figures.items()]


def rate(server, depth, seconds, counter):
    requests = requests_for(server, depth, seconds)
    before = count(counter)
    got = load(server.port, set_words(), connections=CONNECTIONS, depth=depth, requests=requests, cores=all_cores())
    return [got.rate, requests, count(counter) - before]


def shown(taken, depth):
    if not taken:
        return "–"
    most, requests, syncs = max(taken)
    shared = f" ({requests / syncs / depth / CONNECTIONS:.2f})" if syncs else ""
    return f"{most / 1000:.1f}{shared}"


def count(path):
    with open(path, "rb") as file:
        return struct.unpack("<Q", file.read(8))[0]


def simulated(peer, counter):
    library = os.path.join(tempfile.gettempdir(), f"slow_fsync-{os.getuid()}.so")
    subprocess.run(["cc", "-O2", "-shared", "-fPIC", "-o", library, os.path.join(HERE, "slow_fsync.c")], check=True)
    preloaded = " ".join(filter(None, (library, peer.environment.get("LD_PRELOAD"))))
    added = {"LD_PRELOAD": preloaded, "FSYNC_MICROSECONDS": str(SIMULATED), "FSYNC_COUNT": counter}
    return replace(peer, environment={**peer.environment, **added})


def start(peers, rounds, _, keys, errors):
    """Seconds from the start of a process to its first PONG with so many keys in its journal, and the bytes of that."""
    figures = {}
    for peer in peers:
        folder = tempfile.mkdtemp(prefix="durable-")
        try:
            peer = with_journal(peer, "everysec").with_flag("--auto-aof-rewrite-percentage" if peer.key != "kvstore" else "", 0)
            with Server(peer, all_cores(), folder) as server:
                server.await_pong()
                server.fill(workloads.keys(64, count=keys))
                size = settled_size(server, folder)
            figures[peer.name] = {"bytes": size, "seconds": [start_once(peer, folder, keys) for _ in range(min(rounds, 5))]}
        except (ServerError, OSError) as error:
            errors.append(f"{peer.name}, start: {error}")
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    print(f"\nstart from the journal of {keys} keys: seconds to the first PONG, least of the rounds, and bytes of a key on disk\n")
    report.table(["", "seconds", "bytes"],
                 [[name, report.number(min(taken["seconds"])), report.number(taken["bytes"] / keys)] for name, taken in figures.items()])
    return figures


def start_once(peer, folder, keys):
    with Server(peer, all_cores(), folder) as server:
        took = server.await_pong(120)
        with Connection(server.port) as connection:
            found = connection.call("DBSIZE")
        if found != keys:
            raise ServerError(f"{found} keys of {keys} are there")
        return took


def settled_size(server, folder):
    """The bytes of the files, when they grow no more."""
    before = None
    while (size := sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(folder) for name in names if name != "log")) != before:
        before = size
        time.sleep(1.2)
    return size


def begin(stack, peer, errors):
    server = stack.enter_context(Server(peer, SERVER_CORE if "always" not in peer.arguments else all_cores()))
    try:
        server.await_pong()
        server.fill(workloads.keys(64))
        return server
    except ServerError as error:
        errors.append(str(error))
        return None
