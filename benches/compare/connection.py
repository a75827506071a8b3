"""A client's connection, as far as a measurement needs one: commands, replies, and a fast way to set many keys."""
import socket
from collections import namedtuple

BATCH = 500

# `count` keys of `prefix` and twelve digits, each with a value of `size` bytes.
Keys = namedtuple("Keys", "prefix count size value", defaults=(None,))


class ServerError(Exception):
    """What a server answered with an error, or that it did not answer."""


def encode(*words):
    parts = [word if isinstance(word, bytes) else str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Connection:
    def __init__(self, port, timeout=60):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.replies = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.replies.close()
        self.socket.close()

    def call(self, *words):
        self.send(*words)
        return self.reply()

    def send(self, *words):
        self.socket.sendall(encode(*words))

    def reply(self):
        line = self.replies.readline()
        if not line.endswith(b"\r\n"):
            raise ServerError("the connection was closed")
        kind, text = line[:1], line[1:-2]
        if kind == b"-":
            raise ServerError(text.decode(errors="replace"))
        if kind == b"$":
            return None if text == b"-1" else self.replies.read(int(text) + 2)[:-2]
        if kind == b"*":
            return None if text == b"-1" else [self.reply() for _ in range(int(text))]
        return int(text) if kind == b":" else text

    def fill(self, keys, first=0):
        """Sets the keys from number `first` on. Replies are read behind the requests, so that none waits for another."""
        value = keys.value or b"x" * keys.size
        start = b"*3\r\n$3\r\nSET\r\n$%d\r\n%s" % (len(keys.prefix) + 12, keys.prefix.encode())
        end = b"\r\n$%d\r\n%s\r\n" % (len(value), value)
        batch = max(1, min(BATCH, (1 << 20) // len(value)))
        due = 0
        for number in range(first, keys.count, batch):
            numbers = range(number, min(number + batch, keys.count))
            self.socket.sendall(b"".join([b"%s%012d%s" % (start, number, end) for number in numbers]))
            due = self._drain(due + len(numbers), room=4 * batch)
        self._drain(due, room=0)

    def delete(self, keys):
        for number in range(0, keys.count, BATCH):
            numbers = range(number, min(number + BATCH, keys.count))
            self.socket.sendall(b"".join([encode("DEL", b"%s%012d" % (keys.prefix.encode(), number)) for number in numbers]))
            self._drain(len(numbers), room=0)

    def _drain(self, due, room):
        while due > room:
            answers = self.socket.recv(1 << 16)
            if not answers or b"-" in answers:
                raise ServerError(f"filling: {answers[:200]!r}")
            due -= answers.count(b"\n")
        return due
