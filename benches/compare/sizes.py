"""`sizes`: what values of a size take, as a multiple of their bytes; what is left of it two seconds after they were deleted; what of it
INFO counts as used; and what a string of 500 MB costs that SETRANGE makes."""
import re
import time

import report
from connection import Connection, Keys, ServerError
from memory import attempt
from server import SERVER_CORE, Server

# Those just above a power of two are where allocators with few sizes of blocks waste most.
SIZES = (1, 9, 33, 65, 129, 230, 257, 513, 1025, 2049, 4097, 8193, 16385, 32769, 65536, 65537, 100_000, 131_073, 262_145,
         1_048_577, 4_194_305, 16_777_216)
QUICK = {"bytes": 16 << 20, "keys": 50_000}
FULL = {"bytes": 128 << 20, "keys": 400_000}
# The time in which memory must have come back, without any traffic.
PATIENCE = 2
RANGE = 500_000_000
MIB = 1 << 20


def sizes(peers, options):
    effort, errors = QUICK if options.quick else FULL, []
    peers = [peer for peer in peers if peer.stores]
    taken = {size: {} for size in SIZES}
    ranges = {}
    for size in SIZES:
        count = max(8, min(effort["keys"], effort["bytes"] // size))
        for peer in peers:
            attempt(errors, peer, lambda: taken[size].update({peer.name: of_values(peer, Keys("key:", count, size))}))
    for peer in peers:
        attempt(errors, peer, lambda: ranges.update({peer.name: of_a_range(peer)}))
    print_all(peers, taken, ranges)
    report.save("sizes", options.json, peers, errors, taken=taken, setrange=ranges)


def of_values(peer, keys):
    with Server(peer, SERVER_CORE) as server:
        server.await_pong()
        # What the first commands allocate stays.
        server.fill(keys._replace(count=100, size=64), anew=True)
        server.fill(keys._replace(count=0), anew=True)
        time.sleep(PATIENCE)
        counted_before, before = counted(server), server.resident_bytes()
        server.fill(keys)
        time.sleep(PATIENCE)
        full, counted_full = server.resident_bytes(), counted(server)
        with Connection(server.port) as connection:
            if connection.call("DBSIZE") != keys.count:
                raise ServerError("not every key is there")
            connection.delete(keys)
        time.sleep(PATIENCE)
        stored = keys.count * keys.size
        return {"taken": (full - before) / stored, "left": (server.resident_bytes() - before) / stored,
                "left_mib": (server.resident_bytes() - before) / MIB,
                "counted": (counted_full - counted_before) / (full - before), "keys": keys.count}


def counted(server):
    """The memory that the server says it uses, in bytes."""
    with Connection(server.port) as connection:
        return int(re.search(rb"used_memory:(\d+)", connection.call("INFO", "memory"))[1])


def of_a_range(peer):
    with Server(peer, SERVER_CORE) as server:
        server.await_pong()
        before = server.resident_bytes()
        with Connection(server.port) as connection:
            started = time.perf_counter()
            connection.call("SET", "key", "value")
            connection.call("SETRANGE", "key", RANGE, "x")
            seconds = time.perf_counter() - started
            connection.call("DEL", "key")
        peak = server.peak_bytes()
        time.sleep(PATIENCE)
        return {"peak_mib": (peak - before) / MIB, "seconds": seconds, "left_mib": (server.resident_bytes() - before) / MIB}


def print_all(peers, taken, ranges):
    names = [peer.name for peer in peers]
    print("\nresident bytes for each byte of the values, and what is left of them two seconds after DEL (in MiB), and the\n"
          "part of the resident bytes that INFO counts as used\n")
    cell = lambda size, name, field, digits: report.number(taken[size].get(name, {}).get(field), digits)
    rows = [[f"{size:,}", *(cell(size, name, "taken", 2) for name in names),
             *(f"{cell(size, name, 'left', 2)} ({cell(size, name, 'left_mib', 0)})" for name in names),
             *(cell(size, name, "counted", 2) for name in names)] for size in SIZES]
    report.table(["value", *names, *(f"{name}, left" for name in names), *(f"{name}, counted" for name in names)], rows)
    print("\nSETRANGE to 500 MB\n")
    fields = (("peak_mib", 0), ("seconds", 2), ("left_mib", 0))
    report.table(["", "peak, MiB", "seconds", "left, MiB"],
                 [[name, *(report.number(figures.get(field), digits) for field, digits in fields)] for name, figures in ranges.items()])
