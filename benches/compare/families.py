"""`families`: lists, hashes, sets, sorted sets, HyperLogLogs, positions and bitmaps. 10,000 keys of 10 elements, one key of 100,000, and
answers of many elements.

What every server pays to receive a request and to answer it, the floor, is taken off both sides of the ratio."""
import re
from dataclasses import dataclass

import report
from connection import Connection, Keys, encode
from load import load
from measure import Measurement, listed, median
from peers import RIVALS
from server import LOAD_CORE, SERVER_CORE, all_started
from workloads import Workload

QUICK = {"rounds": 3, "seconds": 0.1}
FULL = {"rounds": 15, "seconds": 0.2}
MANY, LARGE, DEPTH = 10_000, 100_000, 16


@dataclass(frozen=True)
class Row(Workload):
    # What makes each key: a function from its name to commands.
    make: object = None
    # The bytes of the answer, if it is longer than a number.
    answer: int = 0

    def check(self, server):
        if server.peer.stores:
            with Connection(server.port) as connection:
                connection.call(*[word.replace("__rand_int__", "%012d" % 7) for word in self.words])

    def load(self, port, requests, floor=False, **options):
        words = ("GET", f"v{self.answer}:__rand_int__") if floor and self.answer else self.words
        return load(port, words, connections=self.connections, depth=self.depth, requests=requests, keys=self.keys.count, **options)


class Families(Measurement):
    def fill(self, server, row):
        held, keys = self.held.get(server.name), (row.keys.prefix, row.make)
        if not server.peer.stores or held == keys and not row.most:
            return
        self.held[server.name] = keys
        with Connection(server.port) as connection:
            connection.call("FLUSHALL")
            names = [row.keys.prefix] if row.keys.count == LARGE else ["%s%012d" % (row.keys.prefix, n) for n in range(row.keys.count)]
            commands = [command for name in names for command in row.make(name)]
            for at in range(0, len(commands), 200):
                batch = commands[at:at + 200]
                connection.socket.sendall(b"".join(batch))
                for _ in batch:
                    connection.reply()

    def cost(self, server, row, requests):
        before = server.cpu_seconds()
        got = row.load(server.port, requests, floor=not server.peer.stores, **self.options)
        return server.cpu_seconds() - before, got


def elements(count, form="element:%012d"):
    return [form % number for number in range(count)]


def in_parts(command, name, words, step=1000):
    return [encode(command, name, *words[at:at + step]) for at in range(0, len(words), step)]


def lists(count):
    return lambda name: in_parts("RPUSH", name, elements(count))


def hashes(count):
    pairs = [word for number in range(count) for word in ("element:%012d" % number, number)]
    return lambda name: in_parts("HSET", name, pairs)


def sets(count):
    return lambda name: in_parts("SADD", name, elements(count))


def sorted_sets(count):
    pairs = [word for number in range(count) for word in (number * 7919 % count, "element:%012d" % number)]
    return lambda name: in_parts("ZADD", name, pairs)


def hyperloglogs(count):
    return lambda name: in_parts("PFADD", name, elements(count))


def positions(count):
    """A grid of ten columns, about a kilometer wide."""
    words = [word for number in range(count) for word in (10 + number % 10 / 100, 40 + number // 10 / 100 % 40, "element:%012d" % number)]
    return lambda name: in_parts("GEOADD", name, words, 999)


def bitmaps(size):
    return lambda name: [encode("SET", name, b"\x5a" * size)]


def entry(number):
    return [f"{number + 1}-1", "name", "value:%08d" % number, "count", number]


def streams(count):
    """Entries of two fields, and a group that was given none of them."""
    return lambda name: [*(encode("XADD", name, *entry(number)) for number in range(count)), encode("XGROUP", "CREATE", name, "g", "0")]


def pending(name):
    """The same, which was given all of them."""
    return [*streams(LARGE)(name), encode("XREADGROUP", "GROUP", "g", "c", "STREAMS", name, ">")]


LISTS, HASHES, SETS, SORTED_SETS, HYPERLOGLOGS, POSITIONS = (
    {count: make(count) for count in (10, 100, LARGE)} for make in (lists, hashes, sets, sorted_sets, hyperloglogs, positions))
BITS, MANY_BITS = bitmaps(64), bitmaps(1 << 20)
STREAMS = {count: streams(count) for count in (10, 100, LARGE)}


def small(name, words, make, most=0):
    return Row(f"{name}, 10", tuple(words), DEPTH, Keys("k", MANY, 1), None, most, make=make)


def large(name, words, make, most=0):
    return Row(f"{name}, 100,000", tuple(words), DEPTH, Keys("k", LARGE, 1), None, most, make=make)


def both(name, arguments, makes, most=(0, 0)):
    """The same command over many small keys and over a large one. `{}` is an element that is there."""
    words = lambda key, element: [name, key, *[word.replace("{}", element) for word in arguments]]
    return [small(name, words("k__rand_int__", "element:000000000005"), makes[10], most[0]),
            large(name, words("k", "element:__rand_int__"), makes[LARGE], most[1])]


def answers(name, words, make, answer):
    return Row(name, tuple(words), DEPTH, Keys("k", 1000, 1), None, make=make, answer=answer)


def two_keys(make):
    """Each key has another beside it, with half of its elements."""
    def commands(name):
        return [*make(name), *[command.replace(b"element:0", b"element:1", 50) for command in make(name + "o")]]
    return commands


def table():
    small_change, growth = 2 * MANY, (2 * MANY, LARGE)
    element = len(encode("element:%012d" % 0)) - 4
    entry_size = len(encode(*entry(50))) + 4
    return [
        *both("LPUSH", ["another"], LISTS, growth), *both("RPUSH", ["another"], LISTS, growth), *both("LPOP", [], LISTS, (3 * MANY, LARGE // 2)),
        *both("SADD", ["member:__rand_int__"], SETS, growth), *both("SISMEMBER", ["{}"], SETS),
        *both("SPOP", [], SETS, (3 * MANY, LARGE // 2)),
        *both("HSET", ["{}", "123456"], HASHES), *both("HGET", ["{}"], HASHES), *both("HINCRBY", ["{}", "1"], HASHES),
        *both("HGETEX", ["EX", "10000", "FIELDS", "1", "{}"], HASHES),
        *both("ZADD", ["__rand_int__", "{}"], SORTED_SETS), *both("ZINCRBY", ["1", "{}"], SORTED_SETS),
        *both("ZSCORE", ["{}"], SORTED_SETS), *both("ZRANK", ["{}"], SORTED_SETS),
        answers("LRANGE of 100", ["LRANGE", "k__rand_int__", "0", "99"], LISTS[100], 100 * element),
        answers("HGETALL of 10", ["HGETALL", "k__rand_int__"], HASHES[10], 10 * (element + 7)),
        answers("HGETALL of 100", ["HGETALL", "k__rand_int__"], HASHES[100], 100 * (element + 8)),
        answers("SMEMBERS of 100", ["SMEMBERS", "k__rand_int__"], SETS[100], 100 * element),
        answers("ZRANGE of 10 with scores", ["ZRANGE", "k__rand_int__", "0", "9", "WITHSCORES"], SORTED_SETS[100], 10 * (element + 8)),
        answers("ZRANGE of 100 with scores", ["ZRANGE", "k__rand_int__", "0", "99", "WITHSCORES"], SORTED_SETS[100], 100 * (element + 8)),
        answers("SINTER of two of 100", ["SINTER", "k__rand_int__", "k__rand_int__o"], SINTER, 50 * element),
        *both("PFADD", ["{}"], HYPERLOGLOGS), large("PFADD of another", ["PFADD", "k", "another:__rand_int__"], HYPERLOGLOGS[LARGE], LARGE),
        *both("PFCOUNT", [], HYPERLOGLOGS),
        *both("GEOADD", ["10.__rand_int__", "40.5", "{}"], POSITIONS),
        answers("GEOSEARCH of 10", ["GEOSEARCH", "k__rand_int__", "FROMLONLAT", "10.05", "40.05", "BYRADIUS", "5", "km", "ASC", "COUNT", "10"],
                POSITIONS[100], 10 * element),
        Row("SETBIT", ("SETBIT", "k__rand_int__", "100", "1"), DEPTH, Keys("k", MANY, 1), None, make=BITS),
        Row("GETBIT", ("GETBIT", "k__rand_int__", "100"), DEPTH, Keys("k", MANY, 1), None, make=BITS),
        Row("BITCOUNT of 1 MiB", ("BITCOUNT", "k__rand_int__"), DEPTH, Keys("k", 20, 1), None, make=MANY_BITS),
        *both("XADD", ["*", "name", "value:00000007", "count", "7"], STREAMS, growth),
        answers("XRANGE of 10", ["XRANGE", "k__rand_int__", "-", "+", "COUNT", "10"], STREAMS[100], 10 * entry_size),
        answers("XREAD of 10", ["XREAD", "COUNT", "10", "STREAMS", "k__rand_int__", "50-1"], STREAMS[100], 10 * entry_size),
        large("XREADGROUP", ["XREADGROUP", "GROUP", "g", "c", "COUNT", "1", "STREAMS", "k", ">"], STREAMS[LARGE], LARGE // 2),
        large("XACK", ["XACK", "k", "g", "__rand_int__-1"], pending, LARGE // 2),
        Row("ZUNIONSTORE of two of 100", ("ZUNIONSTORE", "to", "2", "k000000000001", "k000000000001o"), DEPTH, Keys("k", 1000, 1), None, make=ZUNION),
    ]


SINTER, ZUNION = two_keys(SETS[100]), two_keys(SORTED_SETS[100])


def families(peers, options):
    chosen = [row for row in table() if re.search(options.match, row.name)]
    effort, errors = QUICK if options.quick else FULL, []
    with all_started(peers, SERVER_CORE, errors) as servers:
        measurement = Families(servers, options.seconds or effort["seconds"], errors, cores=LOAD_CORE)
        samples = measurement.run(chosen, options.rounds or effort["rounds"])
    print_all([peer.name for peer in peers], [row.name for row in chosen], samples)
    report.save("families", options.json, peers, errors, workloads=[row.name for row in chosen], samples=listed(samples))


def print_all(names, chosen, samples):
    cpu = {key: median(value) for key, value in samples.items()}
    print("\nCPU µs of the server for each request, medians of the rounds; over the floor, kvstore to the better of Redis and Valkey\n")
    report.table(["", *names, "over the floor"],
                 [[name, *[report.number(cpu.get((server, name))) for server in names], report.number(over_floor(name, cpu))] for name in chosen])


def over_floor(row, cpu):
    floor = cpu.get(("floor", row), 0)
    rivals = [cpu[name, row] - floor for name in RIVALS if (name, row) in cpu]
    ours = cpu.get(("kvstore", row))
    return None if ours is None or not rivals else report.ratio(ours - floor, min(rivals))
