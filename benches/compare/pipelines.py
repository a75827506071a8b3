#!/usr/bin/env python3
"""The load of `transactions`: groups of commands in pipelines, which redis-benchmark cannot send. Prints groups a second."""
import random
import select
import sys
import time

from connection import Connection, encode

# So many different pipelines are made beforehand.
VARIANTS = 200


def main(port, name, within_multi, connections, depth, groups, keys):
    group = lambda: encode_group(name, within_multi == "multi", int(keys))
    pipelines = [b"".join(group() for _ in range(int(depth))) for _ in range(VARIANTS)]
    connected = [Connection(int(port)) for _ in range(int(connections))]
    # All replies have one length: the keys are there, and their values have one.
    due = len(answer(connected[0], pipelines[0]))
    before = time.perf_counter()
    for _ in range(max(1, int(groups) // (int(depth) * len(connected)))):
        turn(connected, pipelines, due)
    print(int(groups) / (time.perf_counter() - before))


def encode_group(name, within_multi, keys):
    value = ["x" * 64] if name == "SET" else []
    commands = [encode(name, f"v64:{random.randrange(keys):012}", *value) for _ in range(8)]
    return b"".join([encode("MULTI"), *commands, encode("EXEC")] if within_multi else commands)


def answer(connection, pipeline):
    """The reply to a pipeline, whose end is marked with another command."""
    connection.socket.sendall(pipeline + encode("ECHO", "end"))
    came, end = b"", b"$3\r\nend\r\n"
    while not came.endswith(end):
        came += received(connection)
    return came[:-len(end)]


def turn(connections, pipelines, due):
    """Each connection sends a pipeline, and has its replies."""
    for connection in connections:
        connection.socket.sendall(random.choice(pipelines))
    missing = {connection: due for connection in connections}
    while missing:
        ready, _, _ = select.select([connection.socket for connection in missing], [], [])
        for connection in [connection for connection in missing if connection.socket in ready]:
            missing[connection] -= len(received(connection))
            if missing[connection] <= 0:
                del missing[connection]


def received(connection):
    came = connection.socket.recv(1 << 16)
    if not came or b"-" in came:
        sys.exit(f"unexpected: {came[:100]!r}")
    return came


if __name__ == "__main__":
    main(*sys.argv[1:])
