"""Runs a sequence against servers, and compares what they answer."""

import re
import time
from typing import NamedTuple

from . import compare
from .resp import Connection, is_error, parse

BATCH = 100


class Difference(NamedTuple):
    index: int  # Of the item.
    item: object
    ours: bytes
    theirs: bytes


class Exchange:
    """Two servers, with two connections to each."""

    def __init__(self, ours, theirs, clock):
        self.servers, self.clock = (ours, theirs), clock
        self.connect()

    def connect(self):
        self.lanes = [Lane([Connection(server.port) for server in self.servers]) for _ in range(2)]
        self.lane = self.lanes[0]

    def close(self):
        for lane in self.lanes:
            for connection in lane.connections:
                connection.close()

    def differences(self, items, resp3):
        """Yields the differences of a sequence, on empty servers. Who asks for no more stops it."""
        self.reset(resp3)
        batch = []
        for index, item in enumerate(items):
            perform = HARNESS.get(item.words[0])
            if perform is None:
                batch.append((index, item))
            if perform or len(batch) >= BATCH:
                yield from self.exchange(batch)
                batch = []
            if perform:
                yield from (Difference(index, item, *replies) for replies in perform(self, item.words[1:]))
        yield from self.exchange(batch)

    def reset(self, resp3):
        for lane in self.lanes:
            lane.queued = None
            for connection in lane.connections:
                for words in [b"RESET"], [b"HELLO", b"3" if resp3 else b"2"], [b"SELECT", b"0"]:
                    connection.ask(*words)
        self.lane = self.lanes[0]
        for connection in self.lane.connections:
            reply = connection.ask(b"FLUSHALL")
            assert reply == b"+OK\r\n", reply

    def exchange(self, batch):
        if not batch:
            return
        for connection in self.lane.connections:
            connection.send([item.words for _, item in batch])
        # All are read before any is compared: the servers are done with the batch when the sequence ends at a difference.
        received = zip(*[[connection.reply() for _ in batch] for connection in self.lane.connections])
        pools = (None, None)
        for (index, item), replies in zip(batch, list(received)):
            differing = self.lane.differing(item, replies, pools)
            if differing:
                yield Difference(index, differing, *replies)
            pools = replies

    def ask(self, *words):
        """Returns the replies of both servers."""
        return tuple(connection.ask(*words) for connection in self.lane.connections)

    def advance(self, words):
        self.clock.advance(int(words[0]))
        wait_for_fields(self.lane.connections)
        return []

    def switch(self, _):
        self.lane = self.lanes[1 - self.lanes.index(self.lane)]
        return []

    def iterate(self, words):
        """Scans in small steps, while elements are added, and expects all that was there before."""
        for connection in self.lane.connections:
            missing = Iteration(connection, words).missing()
            if missing:
                ours = connection is self.lane.connections[0]
                yield (missing, b"+all\r\n") if ours else (b"+all\r\n", missing)

    def carry(self, words):
        yield from carried(self, words[0])


# What INFO shows of databases with hashes whose fields expire, and the seconds in which active expiry has seen all of them.
FIELDS_EXPIRE = re.compile(rb"(subexpiry|keys_with_volatile_items)=[1-9]")
ACTIVE_EXPIRY = 0.4


def wait_for_fields(connections):
    """Nothing but active expiry removes all fields that have expired, on every server."""
    if any(FIELDS_EXPIRE.search(connection.ask(b"INFO", b"keyspace")) for connection in connections):
        time.sleep(ACTIVE_EXPIRY)


HARNESS = {b"CLOCK": Exchange.advance, b"OTHER": Exchange.switch, b"ITERATE": Exchange.iterate, b"CARRY": Exchange.carry}


class Lane:
    """A connection to each server, and the commands that are queued in its transaction."""

    def __init__(self, connections):
        self.connections, self.queued = connections, None

    def differing(self, item, replies, pools):
        """Returns the command if the replies differ. EXEC is followed by the queued commands to which they differ."""
        ours, theirs = replies
        queued = self.queued
        if self.agree(item, replies, pools):
            return None
        if item.words[0].upper() == b"EXEC" and queued:
            return item._replace(words=sum((queued.words for queued in compare.exec_differences(queued, ours, theirs)), [b"EXEC"]))
        return item

    def agree(self, item, replies, pools):
        ours, theirs = replies
        name = item.words[0].upper()
        if self.queued is None:
            if name == b"MULTI" and theirs == b"+OK\r\n":
                self.queued = []
            return compare.agree(item.rule, ours, theirs, pools)
        if name == b"EXEC" and len(item.words) == 1:
            queued, self.queued = self.queued, None
            return ours == theirs or not any(compare.exec_differences(queued, ours, theirs))
        if theirs.startswith(b"-EXECABORT") or name in (b"DISCARD", b"RESET") and not is_error(theirs):
            self.queued = None
        if theirs == b"+QUEUED\r\n":
            self.queued.append(item)
        return ours == theirs


class Iteration:
    """An iteration by SCAN and its kin on one server."""

    ADD = {b"SCAN": lambda key, element: [b"SET", element, b""], b"SSCAN": lambda key, element: [b"SADD", key, element],
           b"HSCAN": lambda key, element: [b"HSET", key, element, b""], b"ZSCAN": lambda key, element: [b"ZADD", key, b"0", element]}
    REMOVE = {b"SCAN": [b"DEL"], b"SSCAN": [b"SREM"], b"HSCAN": [b"HDEL"], b"ZSCAN": [b"ZREM"]}
    ADDED = 60

    def __init__(self, connection, words):
        self.connection, self.name, self.key = connection, words[0], list(words[1:])
        self.added = 0

    def missing(self):
        before = self.step(b"0", b"100000")
        if before is None:
            return None
        before, seen, cursor = self.elements(before[1]), set(), b"0"
        if self.key and not before:
            return None
        while True:
            cursor, page = self.step(cursor, b"3")
            seen |= self.elements(page)
            if cursor == b"0":
                break
            self.add(3)
        self.add(self.ADDED)
        names = [b"added:%d" % number for number in range(self.added)]
        self.connection.ask(*self.REMOVE[self.name], *self.key, *names)
        lost = before - seen
        return b"-missed by the iteration: %s\r\n" % repr(sorted(lost)[:5]).encode() if lost else None

    def step(self, cursor, count):
        reply = parse(self.connection.ask(self.name, *self.key, cursor, b"COUNT", count))
        return (reply[1][0][1], reply[1][1][1]) if reply[0] == b"*" else None

    def elements(self, page):
        items = [item[1] for item in page]
        return set(items[::2] if self.name in (b"HSCAN", b"ZSCAN") else items)

    def add(self, count):
        for _ in range(min(count, self.ADDED - self.added)):
            element = b"added:%d" % self.added
            self.connection.ask(*self.ADD[self.name](self.key[0] if self.key else None, element))
            self.added += 1


READ = {b"string": ([b"GET"], [], "exact"), b"list": ([b"LRANGE"], [b"0", b"-1"], "exact"), b"hash": ([b"HGETALL"], [], "pairs"),
        b"set": ([b"SMEMBERS"], [], "unordered"), b"zset": ([b"ZRANGE"], [b"0", b"-1", b"WITHSCORES"], "exact")}
# Encodings that are one run of bytes, in one order.
PACKED = (b"listpack", b"intset", b"int", b"embstr", b"raw")


def carried(exchange, key):
    """Restores on each server what the other dumped, under another name, and compares the two."""
    kind = parse(exchange.ask(b"TYPE", key)[1])[1]
    dumps = [parse(reply)[1] for reply in exchange.ask(b"DUMP", key)]
    if kind not in READ or None in dumps:
        return
    encodings = [parse(reply)[1] for reply in exchange.ask(b"OBJECT", b"ENCODING", key)]
    if encodings[0] == encodings[1] and encodings[0] in PACKED and exchange.compares_dumps:
        # All but the version and the checksum.
        left, right = (dump[:-10] for dump in dumps)
        if left != right:
            yield b"+%s\r\n" % left.hex().encode(), b"+%s\r\n" % right.hex().encode()
    for server, connection in enumerate(exchange.lane.connections):
        own, other = dumps[server], dumps[1 - server]
        payload = other if version_of(other) <= version_of(own) else own
        restored = connection.ask(b"RESTORE", b"carried", b"0", payload, b"REPLACE")
        if restored != b"+OK\r\n":
            yield (restored, b"+OK\r\n") if server == 0 else (b"+OK\r\n", restored)
            return
    command, rest, rule = READ[kind]
    for words in [*command, b"carried", *rest], [b"OBJECT", b"ENCODING", b"carried"]:
        replies = exchange.ask(*words)
        if not compare.agree(rule, *replies, (None, None)):
            yield replies
    exchange.ask(b"DEL", b"carried")


def version_of(dump):
    """The version of the format. A server does not read what a later version wrote."""
    return int.from_bytes(dump[-10:-8], "little")
