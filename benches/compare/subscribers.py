"""The load of `publishing`: one connection that publishes, and others that are subscribed. A process of its own, on its own core.

    subscribers.py PORT KIND SUBSCRIBERS DEPTH MESSAGES

Reads a line for each sample, publishes so many messages, and writes a line when all subscribers have all of them.
"""
import select
import socket
import sys

from connection import encode

PATTERNS = 10_000
PAYLOAD = "x" * 64


def connect(port):
    connection = socket.create_connection(("127.0.0.1", port), 60)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def subscribe(port, kind):
    """A connection that is subscribed, once that is confirmed."""
    connection = connect(port)
    many = kind == "pattern"
    names = [f"news:{number}:*" for number in range(PATTERNS)] if many else ["news"]
    connection.sendall(encode("PSUBSCRIBE" if many else "SUBSCRIBE", *names))
    left = len(names)
    while left:
        left -= connection.recv(1 << 16).count(b"subscribe")
    return connection


class Load:
    def __init__(self, port, kind, subscribers, depth):
        self.publisher, self.depth = connect(port), depth
        channel = "news:1234:art" if kind == "pattern" else "news"
        self.request = encode("PUBLISH", channel, PAYLOAD) * depth
        message = ["pmessage", "news:1234:*", channel, PAYLOAD] if kind == "pattern" else ["message", channel, PAYLOAD]
        self.size = len(encode(*message))
        self.answers = len(b":%d\r\n" % subscribers) * depth
        self.subscribers, self.poll = {}, select.epoll()
        for _ in range(subscribers):
            connection = subscribe(port, kind)
            self.subscribers[connection.fileno()] = connection
            self.poll.register(connection, select.EPOLLIN)

    def publish(self, messages):
        """Each round is received by all before the next is published."""
        for _ in range(messages // self.depth):
            self.publisher.sendall(self.request)
            missing = self.answers
            while missing:
                missing -= len(self.publisher.recv(missing))
            self.receive(self.size * self.depth * len(self.subscribers))

    def receive(self, missing):
        while missing:
            for descriptor, _ in self.poll.poll():
                received = self.subscribers[descriptor].recv(1 << 20)
                if not received:
                    sys.exit("a subscriber was disconnected")
                missing -= len(received)


def main():
    port, kind, subscribers, depth, messages = sys.argv[1:]
    load = Load(int(port), kind, int(subscribers), int(depth))
    print("ready", flush=True)
    for _ in sys.stdin:
        load.publish(int(messages))
        print("done", flush=True)


main()
