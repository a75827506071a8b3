"""`memory`: resident bytes of a key and of an idle connection, and the time from the start of a process to its first PONG."""
import report
from connection import Connection, Keys, ServerError
from server import SERVER_CORE, Server, allow_files

QUICK = {"keys": 100_000, "connections": 1000, "starts": 3}
FULL = {"keys": 1_000_000, "connections": 10_000, "starts": 20}


def memory(peers, options):
    effort, errors = QUICK if options.quick else FULL, []
    connections = min(effort["connections"], allow_files(effort["connections"] + 200) - 200)
    measured = {peer.name: {} for peer in peers}
    for peer in peers:
        attempt(errors, peer, lambda: measured[peer.name].update(key=bytes_of_a_key(peer, effort["keys"])))
        attempt(errors, peer, lambda: measured[peer.name].update(connection=bytes_of_a_connection(peer, connections)))
    # In turn, as everywhere.
    starts = {peer.name: [] for peer in peers}
    for _ in range(options.rounds or effort["starts"]):
        for peer in peers:
            attempt(errors, peer, lambda: starts[peer.name].append(seconds_to_pong(peer)))
    for name, times in starts.items():
        measured[name]["start_ms"] = min(times, default=0) * 1000 or None
    print_all(measured, effort["keys"], connections)
    report.save("memory", options.json, peers, errors, keys=effort["keys"], connections=connections, measured=measured, starts=starts)


def attempt(errors, peer, measure):
    try:
        measure()
    except (ServerError, OSError) as error:
        errors.append(f"{peer.name}: {error}")


def bytes_of_a_key(peer, count):
    if not peer.stores:
        return None
    with Server(peer, SERVER_CORE) as server:
        server.await_pong()
        server.come_to_rest()
        before = server.resident_bytes()
        server.fill(Keys("key:", count, 64))
        server.come_to_rest()
        with Connection(server.port) as connection:
            if connection.call("DBSIZE") != count:
                raise ServerError("not every key is there")
        return (server.resident_bytes() - before) / count


def bytes_of_a_connection(peer, count):
    """Each has asked for something once, and waits."""
    with Server(peer.with_clients(count + 100), SERVER_CORE) as server:
        server.await_pong()
        server.come_to_rest()
        before = server.resident_bytes()
        idle = open_idle(server, count)
        try:
            server.come_to_rest()
            return (server.resident_bytes() - before) / count
        finally:
            close_all(idle)


def open_idle(server, count):
    idle = []
    try:
        for _ in range(count):
            idle.append(Connection(server.port))
            if idle[-1].call("PING") != b"PONG":
                raise ServerError(f"connection {len(idle)} has no answer")
    except (ServerError, OSError):
        close_all(idle)
        raise
    return idle


def close_all(connections):
    for connection in connections:
        connection.__exit__()


def seconds_to_pong(peer):
    with Server(peer, SERVER_CORE) as server:
        return server.await_pong()


def print_all(measured, keys, connections):
    print(f"\nresident bytes of a key ({keys:,} keys of 16 bytes with values of 64), of an idle connection ({connections:,} of "
          "them), and ms from the start of the process to the first PONG\n")
    cells = lambda figures: [report.number(figures.get(name), digits) for name, digits in (("key", 1), ("connection", 0), ("start_ms", 1))]
    report.table(["", "a key", "a connection", "start, ms"], [[name, *cells(figures)] for name, figures in measured.items()])
