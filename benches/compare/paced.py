#!/usr/bin/env python3
"""A load of SETs that come at a rate, whether or not the server keeps up. Prints when each pipeline was due, and how long after that it
was answered, in seconds since the epoch and seconds."""
import json
import random
import select
import sys
import time
from collections import deque

from connection import Connection, encode

VARIANTS = 2000


def main(port, connections, depth, rate, keys, seconds):
    value = "x" * 64
    pipelines = [b"".join(encode("SET", f"v64:{random.randrange(int(keys)):012}", value) for _ in range(int(depth)))
                 for _ in range(VARIANTS)]
    load = Load([Connection(int(port)) for _ in range(int(connections))], pipelines, int(depth), float(rate) / int(depth))
    print("ready", flush=True)
    load.run(float(seconds))
    json.dump(load.taken, sys.stdout)


class Load:
    def __init__(self, connections, pipelines, depth, rate):
        self.pipelines, self.rate, self.reply = pipelines, rate, b"+OK\r\n" * depth
        self.poll, self.sockets = select.epoll(), {}
        self.free, self.busy, self.taken = deque(), {}, []
        for connection in connections:
            connection.socket.setblocking(False)
            number = connection.socket.fileno()
            self.sockets[number] = connection
            self.poll.register(number, select.EPOLLIN)
            self.free.append(number)

    def run(self, seconds):
        self.began, sent, total = time.time(), 0, int(seconds * self.rate)
        while sent < total or self.busy:
            due = min(total, int((time.time() - self.began) * self.rate))
            while sent < due and self.free:
                self.send(self.began + sent / self.rate)
                sent += 1
            for number, _ in self.poll.poll(0):
                self.receive(number)

    def send(self, due):
        number = self.free.popleft()
        # It fits into the buffer of the socket.
        self.sockets[number].socket.send(random.choice(self.pipelines))
        self.busy[number] = due, len(self.reply)

    def receive(self, number):
        came = self.sockets[number].socket.recv(1 << 12)
        if not came or came[0] == ord("-"):
            sys.exit(f"unexpected: {came[:100]!r}")
        due, missing = self.busy[number]
        if missing > len(came):
            self.busy[number] = due, missing - len(came)
            return
        del self.busy[number]
        self.free.append(number)
        self.taken.append((due, time.time() - due))


if __name__ == "__main__":
    main(*sys.argv[1:])
