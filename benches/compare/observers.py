"""The load of `observing`: clients that track what they read, or one that is subscribed to keyspace events. A process of its
own, on its own core.

    observers.py PORT KIND COMMAND

KIND is `tracking` or `events`, COMMAND is GET or SET. Reads a line for each step, `prepare` or `run`, and writes one when all
answers and messages have come.
"""
import select
import socket
import sys

from connection import encode

KEYS, READERS, WRITERS, DEPTH = 16_000, 1000, 50, 16
VALUE = "x" * 64
PATTERN, CHANNEL = "__keyevent@0__:*", "__keyevent@0__:set"


def key(number):
    return f"key:{number:012}"


def requests(command, connections):
    """The requests of each connection, in rounds of DEPTH. Each key has its turn once."""
    arguments = [VALUE] if command == "SET" else []
    batches = [b"".join(encode(command, key(number), *arguments) for number in range(start, start + DEPTH))
               for start in range(0, KEYS, DEPTH)]
    return [batches[start:start + connections] for start in range(0, len(batches), connections)]


ANSWER = {"GET": len(b"$64\r\n%s\r\n" % VALUE.encode()), "SET": len(b"+OK\r\n")}
INVALIDATION = len(b">2\r\n$10\r\ninvalidate\r\n*1\r\n$16\r\n%s\r\n" % key(0).encode())
EVENT = len(encode("pmessage", PATTERN, CHANNEL, key(0)))


class Load:
    def __init__(self, port, kind, command):
        self.port, self.command, self.poll, self.sockets = port, command, select.epoll(), {}
        self.is_tracking = kind == "tracking"
        self.writers = [self.connect() for _ in range(WRITERS)]
        self.readers = self.writers
        self.rounds = {"SET": requests("SET", WRITERS), "GET": requests("GET", READERS if self.is_tracking else WRITERS)}
        if self.is_tracking:
            self.readers = [self.connect() for _ in range(READERS)]
            for reader in self.readers:
                self.ask(reader, "HELLO", "3")
                self.ask(reader, "CLIENT", "TRACKING", "ON")
        self.set_all(messages=0)
        if not self.is_tracking:
            self.ask(self.writers[0], "CONFIG", "SET", "notify-keyspace-events", "KEA")
            self.ask(self.connect(), "PSUBSCRIBE", PATTERN)

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), 60)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sockets[connection.fileno()] = connection
        self.poll.register(connection, select.EPOLLIN)
        return connection

    def ask(self, connection, *words):
        connection.sendall(encode(*words))
        connection.recv(1 << 16)

    def set_all(self, messages):
        self.send("SET", self.writers, messages)

    def get_all(self):
        self.send("GET", self.readers, 0)

    def prepare(self):
        if self.is_tracking:
            # Whatever was read is told, then read anew for SET.
            self.set_all(INVALIDATION if self.command == "GET" and self.has_read else 0)
            self.has_read = self.command == "SET"
            if self.has_read:
                self.get_all()

    has_read = False

    def run(self):
        if self.command == "GET":
            self.get_all()
            self.has_read = True
        else:
            self.set_all(INVALIDATION if self.is_tracking else EVENT)
            self.has_read = False

    def send(self, command, connections, message):
        for batches in self.rounds[command]:
            for connection, batch in zip(connections, batches):
                connection.sendall(batch)
            self.receive((ANSWER[command] + message) * DEPTH * len(batches))

    def receive(self, missing):
        while missing:
            for descriptor, _ in self.poll.poll(10) or sys.exit("an answer or a message is missing"):
                received = self.sockets[descriptor].recv(1 << 20)
                if not received:
                    sys.exit("a client was disconnected")
                missing -= len(received)


def main():
    port, kind, command = sys.argv[1:]
    load = Load(int(port), kind, command)
    print("ready", flush=True)
    for step in sys.stdin:
        load.prepare() if step.strip() == "prepare" else load.run()
        print("done", flush=True)


main()
