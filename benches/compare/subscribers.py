"""The load of `publishing`: connections that publish, each to a channel of its own, and others that are subscribed. A process of
its own, on its own core.

    subscribers.py PORT KIND PUBLISHERS SUBSCRIBERS DEPTH MESSAGES

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


def subscribe(port, kind, channel):
    """A connection that is subscribed, once that is confirmed."""
    connection = connect(port)
    many = kind == "pattern"
    names = [f"news:{number}:*" for number in range(PATTERNS)] if many else [channel]
    connection.sendall(encode("PSUBSCRIBE" if many else "SUBSCRIBE", *names))
    received = b""
    while not received.endswith(b":%d\r\n" % len(names)):
        received += connection.recv(1 << 16)
    return connection


class Load:
    def __init__(self, port, kind, publishers, subscribers, depth):
        self.depth, self.publishers, self.subscribers, self.poll = depth, {}, {}, select.epoll()
        for number in range(publishers):
            channel = f"news:{1000 + number}:art"
            self.publishers[connect(port)] = encode("PUBLISH", channel, PAYLOAD) * depth
            for _ in range(subscribers):
                connection = subscribe(port, kind, channel)
                self.subscribers[connection.fileno()] = connection
                self.poll.register(connection, select.EPOLLIN)
        message = ["pmessage", "news:1000:*", channel, PAYLOAD] if kind == "pattern" else ["message", channel, PAYLOAD]
        self.size = len(encode(*message))
        self.answers = len(b":%d\r\n" % subscribers) * depth

    def publish(self, messages):
        """Each round is received by all before the next is published."""
        for _ in range(messages // self.depth // len(self.publishers)):
            for publisher, request in self.publishers.items():
                publisher.sendall(request)
            for publisher in self.publishers:
                missing = self.answers
                while missing:
                    missing -= len(publisher.recv(missing))
            self.receive(self.size * self.depth * len(self.subscribers))

    def receive(self, missing):
        while missing:
            for descriptor, _ in self.poll.poll():
                received = self.subscribers[descriptor].recv(1 << 20)
                if not received:
                    sys.exit("a subscriber was disconnected")
                missing -= len(received)


def main():
    port, kind, publishers, subscribers, depth, messages = sys.argv[1:]
    load = Load(int(port), kind, int(publishers), int(subscribers), int(depth))
    print("ready", flush=True)
    for _ in sys.stdin:
        load.publish(int(messages))
        print("done", flush=True)


main()
