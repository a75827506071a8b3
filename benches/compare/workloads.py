"""The workloads of the table: 50 connections, 100,000 keys of 16 bytes drawn at random, values of 64 bytes."""
import random
from dataclasses import dataclass

from connection import Connection, Keys, ServerError
from load import load

COUNT = 100_000
VALUE = "x" * 64
# Up to so many keys, what happens to each of them the first few times would be much of a sample.
FEW = 1000


@dataclass(frozen=True)
class Workload:
    name: str
    words: tuple
    depth: int
    keys: Keys
    # What a reply must be: a length of bytes, a list of them, a text, or None for any number.
    expected: object
    # For commands that change what they meet: the keys are set anew before each sample, and a sample is no longer than this.
    most: int = 0
    connections: int = 50
    # Whether what it costs to connect is measured beforehand and taken off: where there are many connections.
    without_connecting: bool = False

    def check(self, server):
        """Refuses a server that does not do what it is asked: three keys, asked one by one."""
        if not server.peer.stores:
            return
        with Connection(server.port) as connection:
            for _ in range(3):
                number = "%012d" % random.randrange(self.keys.count)
                answer = connection.call(*[fill_in(word, number) for word in self.words])
                if not self.fits(answer):
                    raise ServerError(f"{server.name} answers {self.words[0]} with {str(answer)[:80]}")

    def fewest(self):
        """Requests that give each connection something to do; of values that are few and large, 20 for each."""
        of_keys = 20 * self.keys.count if self.keys.count <= FEW else 0
        return max(of_keys, self.connections * self.depth * (5 if self.without_connecting else 1))

    def load(self, port, requests, **options):
        """Sends so many requests. The options are those of `load.load`."""
        return load(port, self.words, connections=self.connections, depth=self.depth, requests=requests, keys=self.keys.count,
                    **options)

    def fits(self, answer):
        if isinstance(self.expected, int) and self.words[0] == "GET":
            return answer is not None and len(answer) == self.expected
        if isinstance(self.expected, list):
            return [len(value or b"") for value in answer] == self.expected
        return isinstance(answer, int) if self.expected is None else answer == self.expected


def fill_in(word, number):
    return word if isinstance(word, bytes) else word.replace("__rand_int__", number)


def keys(size, letter="v", count=COUNT):
    """The floor reads the size of a value from its key."""
    return Keys(f"{letter}{size}:", count, size)


def get(size, depth, count=COUNT):
    return Workload(name_of("GET", size, depth), ("GET", f"v{size}:__rand_int__"), depth, keys(size, count=count), size)


def set_(size, depth, count=COUNT):
    # Bytes go through a pipe: an argument of a program is no longer than 128 KiB.
    value = VALUE[:size] if size <= len(VALUE) else b"x" * size
    return Workload(name_of("SET", size, depth), ("SET", f"v{size}:__rand_int__", value), depth, keys(size, count=count), b"OK")


def name_of(command, size, depth):
    return f"{command}{'' if size == 64 else ' of ' + in_bytes(size)}, depth {depth}"


def in_bytes(size):
    for unit, power in (("MiB", 20), ("KiB", 10)):
        if size >= 1 << power:
            return f"{size >> power} {unit}"
    return f"{size} B"


def table():
    """In the order of the table."""
    ten = ["v64:__rand_int__"] * 10
    pairs = [word for key in ten for word in (key, VALUE)]
    depth = 16
    return [
        *[get(64, depth) for depth in (1, 16, 128)],
        *[set_(64, depth) for depth in (1, 16, 128)],
        Workload("INCR, depth 16", ("INCR", "n:__rand_int__"), depth, Keys("n:", COUNT, 4, b"1000"), None),
        # Each key is added to twice, on the average, before its value is short again.
        Workload("APPEND, depth 16", ("APPEND", "a64:__rand_int__", "12345678"), depth, keys(64, "a"), None, 2 * COUNT),
        # A quarter of the keys at random: of these 88 in 100 are still there when they are met.
        Workload("DEL, depth 16", ("DEL", "d64:__rand_int__"), depth, keys(64, "d", 3 * COUNT), 1, 3 * COUNT // 4),
        Workload("EXISTS, depth 16", ("EXISTS", "v64:__rand_int__"), depth, keys(64), 1),
        Workload("EXPIRE, depth 16", ("EXPIRE", "e64:__rand_int__", "10000"), depth, keys(64, "e"), 1, 2 * COUNT),
        Workload("MSET 10, depth 16", ("MSET", *pairs), depth, keys(64), b"OK"),
        Workload("MGET 10, depth 16", ("MGET", *ten), depth, keys(64), [64] * 10),
        get(16 << 10, 1, count=1000),
        get(16 << 10, 16, count=1000),
        get(1 << 20, 1, count=50),
    ]
