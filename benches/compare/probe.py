#!/usr/bin/env python3
"""A client that asks short commands all the time and tells how long the longest of them waited, for each of its connections.

A process of its own: it is not delayed by what another client does in Python. Runs until its standard input is closed."""
import gc
import json
import select
import sys
import time

from connection import Connection

# Between two looks, so that the probe does not use up a core.
PAUSE = 0.0003


class Asker:
    """A connection that asks again as soon as it has its answer."""

    def __init__(self, port, command):
        self.connection, self.command, self.longest = Connection(port), command.split(), 0.0
        self.connection.call(*self.command)
        self.asked = None

    def fileno(self):
        return self.connection.socket.fileno()

    def ask(self):
        self.asked = time.perf_counter()
        self.connection.send(*self.command)

    def accept(self):
        self.connection.reply()
        self.longest = max(self.longest, time.perf_counter() - self.asked)


def main(port, *commands):
    gc.disable()
    askers = [Asker(int(port), command) for command in commands]
    print("ready", flush=True)
    for asker in askers:
        asker.ask()
    while True:
        ready, _, _ = select.select([sys.stdin, *askers], [], [])
        if sys.stdin in ready:
            break
        for asker in ready:
            asker.accept()
        time.sleep(PAUSE)
        for asker in ready:
            asker.ask()
    print(json.dumps([asker.longest for asker in askers]))


if __name__ == "__main__":
    main(*sys.argv[1:])
