"""`stalls`: how long other clients wait while one client runs a long command."""
import json
import re
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from dataclasses import dataclass

import report
from connection import Connection, Keys, ServerError, encode
from peers import HERE
from server import all_cores, all_started, settle_down

SERVERS, THREADS = ("kvstore", "valkey9"), (1, 2, 4)
QUICK = {"keys": 100_000, "rounds": 1}
FULL = {"keys": 1_000_000, "rounds": 5}
# Those that ask are open this long before the command and after its reply: what it leaves to do is seen, too.
MARGIN = 0.1
MARKER = b"the-end-of-the-reply"
# The keys of GET lie in different shards, most of them.
PROBES = {"ping": ["PING"] * 4, "get": [f"GET probe:{number:012}" for number in range(8)]}


@dataclass(frozen=True)
class Long:
    name: str
    words: callable


def commands(count):
    """In an order in which each finds what it needs, and the last leaves nothing."""
    half = [f"half:{number:011}" for number in range(count // 2)]
    return [
        Long("nothing", lambda: ["PING"]),
        Long("KEYS *", lambda: ["KEYS", "*"]),
        Long(f"SCAN 0 COUNT {count}", lambda: ["SCAN", "0", "COUNT", count]),
        Long("SETRANGE g 100000000 z", lambda: ["SETRANGE", "g", "100000000", "z"]),
        Long("DEL g", lambda: ["DEL", "g"]),
        Long(f"MSET of {count // 2} new keys", lambda: ["MSET", *(word for key in half for word in (key, "x" * 64))]),
        Long(f"DEL of {count // 2} keys", lambda: ["DEL", *half]),
        Long("FLUSHALL", lambda: ["FLUSHALL"]),
    ]


def stalls(peers, options):
    effort, errors, samples = QUICK if options.quick else FULL, [], defaultdict(list)
    keys = Keys("key:", effort["keys"], 64)
    chosen = [command for command in commands(keys.count) if re.search(options.match, command.name) or command.name == "FLUSHALL"]
    settings = [setting for peer in peers if options.only or peer.key in SERVERS for setting in settings_of(peer)]
    for round_ in range(options.rounds or effort["rounds"]):
        for setting in settings:
            # One server at a time: their memory together may be more than there is.
            with all_started([setting], all_cores(), errors) as [server]:
                visit(server, keys, chosen, samples, errors)
        print(f"round {round_ + 1} done", file=sys.stderr)
    print_all([setting.name for setting in settings], [command.name for command in chosen], samples)
    listed = [{"server": name, "command": command, **taken} for (name, command), all_ in samples.items() for taken in all_]
    report.save("stalls", options.json, settings, errors, keys=keys.count, samples=listed)


def settings_of(peer):
    if peer.key != "kvstore":
        return [peer]
    return [peer.with_threads(count, f"kvstore, {count} thread{'s'[:count > 1]}") for count in THREADS]


def visit(server, keys, chosen, samples, errors):
    if server.dead:
        return
    try:
        server.fill(keys)
        for command in chosen:
            server.fill(Keys("probe:", len(PROBES["get"]), 64))
            server.come_to_rest()
            samples[server.name, command.name].append(measure(server, command))
    except (ServerError, OSError) as error:
        errors.append(f"{server.name}: {error}")


def measure(server, command):
    """Seconds that the command took its client, and the longest wait of each connection of the others."""
    # Behind the command, so that the end of its reply is found without parsing it.
    request = encode(*command.words()) + encode("ECHO", MARKER)
    probes = {name: start_probe(server.port, words) for name, words in PROBES.items()}
    try:
        with Connection(server.port) as connection:
            time.sleep(MARGIN)
            before = time.perf_counter()
            ask(connection.socket, request)
            taken = time.perf_counter() - before
            time.sleep(MARGIN)
        return {"taken": taken, **{name: end_probe(probe) for name, probe in probes.items()}}
    finally:
        for probe in probes.values():
            probe.kill()


def ask(socket, request):
    socket.sendall(request)
    end, last = MARKER + b"\r\n", b""
    while not last.endswith(end):
        came = socket.recv(1 << 20)
        if not came:
            raise ServerError("the connection was closed")
        last = (last + came)[-len(end):]


def start_probe(port, words):
    probe = subprocess.Popen([sys.executable, f"{HERE}/probe.py", str(port), *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             preexec_fn=settle_down(all_cores()))
    if probe.stdout.readline() != b"ready\n":
        raise ServerError("the probe has no answer")
    return probe


def end_probe(probe):
    told, _ = probe.communicate(timeout=60)
    return json.loads(told)


def print_all(names, chosen, samples):
    print("\nms that the command took / the longest wait meanwhile of PING / of GET / of GET on the median of its connections; each the "
          "least of the rounds\n")
    rows = [[command, *[cell(samples[name, command]) for name in names]] for command in chosen]
    report.table(["", *names], rows)


def cell(rounds):
    if not rounds:
        return "–"
    figures = [lambda taken: taken["taken"], lambda taken: max(taken["ping"]), lambda taken: max(taken["get"]),
               lambda taken: statistics.median(taken["get"])]
    return " / ".join(report.number(min(map(figure, rounds)) * 1000, 1) for figure in figures)
