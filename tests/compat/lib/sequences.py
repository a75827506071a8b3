"""Sequences of commands, the same for the same seed."""

import random
import re
from typing import NamedTuple

from . import template
from .arguments import GARBAGE, KEYS, LEX_KEYS, Arguments
from .families import FAMILIES

# What all keys that a sequence may write are called.
EVERY_KEY = KEYS + LEX_KEYS + [b"\x00", b"a key"] + GARBAGE
HARNESS = {b"CLOCK", b"OTHER", b"ITERATE", b"CARRY"}


class Item(NamedTuple):
    """A command, and how its replies are compared."""

    words: list
    rule: str = "exact"


class Row(NamedTuple):
    """One line of a family: commands that stay together, as templates."""

    name: str
    commands: list
    has: dict  # The first version that has it, by the name of the server; empty if all have it.
    is_plain: bool  # Whether it may be made wrong.


def row(line):
    has, line = line.split(" @ ") if " @ " in line else ("", line)
    has = {name: (int(major), int(minor)) for name, major, minor in re.findall(r"(\w+?)(\d+)\.(\d+)", has)}
    commands = []
    for text in line.split(";"):
        text, _, rule = text.partition(" :")
        commands.append((template.compile(text.strip()), rule.strip() or "exact"))
    name = line.split()[0].rstrip(";")
    # A scan with another count may be at another place of another table.
    is_fixed = len(commands) > 1 or name.encode() in HARNESS or "lexkey" in line or "SCAN" in name
    return Row(name, commands, has, not is_fixed)


ROWS = {family: [row(line) for line in text.strip().splitlines()] for family, text in FAMILIES.items()}
ROWS["mixed"] = [each for family, rows in ROWS.items() if family != "transactions" for each in rows]


class Generator:
    """Draws sequences of a family for a server that has, for example, ("valkey", (9, 1)) and the commands of it."""

    def __init__(self, family, servers, clock, without=(), for_transcripts=False):
        self.family, self.clock, self.without = family, clock, set(without)
        self.for_transcripts = for_transcripts
        self.rows = [row for row in ROWS[family] if all(has(row, server) for server in servers)]
        self.rows = [row for row in self.rows if not self.without & {rule for _, rule in row.commands}]

    def sequence(self, seed, length):
        drawn = random.Random(f"{self.family} {seed}")
        arguments = FixedKey(drawn, self.family, self.clock)
        items, transaction = [], 0
        while len(items) < length:
            if self.family != "transactions" and not transaction and drawn.random() < 0.01:
                items.append(Item([b"MULTI"]))
                transaction = drawn.randint(1, 6)
            items.extend(self.items(drawn, arguments, bool(transaction)))
            if transaction:
                transaction -= 1
                if not transaction:
                    items.append(Item([b"EXEC"]))
        return items

    def items(self, drawn, arguments, in_transaction):
        while True:
            row = drawn.choice(self.rows)
            items = self.draw(row, drawn, arguments)
            name = items[0].words[0]
            if name in HARNESS and (in_transaction or name.decode() in self.without):
                continue
            if self.for_transcripts and (in_transaction and items[-1].rule != "exact" or is_long(items) or skips_back(items)):
                continue
            if name == b"CLOCK" and not self.for_transcripts:
                # Entries that have expired are removed, which the servers do at different times otherwise.
                items.append(Item([b"EXISTS", *EVERY_KEY]))
            return items

    def draw(self, row, drawn, arguments):
        arguments.fixed = None if len(row.commands) == 1 else arguments.key()
        items = []
        for parts, rule in row.commands:
            words = []
            parts(arguments, words)
            items.append(Item(words, rule))
        arguments.fixed = None
        if row.is_plain:
            mutate(drawn, items[0].words)
        return items


def has(row, server):
    name, version = server
    return not row.has or (name in row.has and version >= row.has[name])


def is_long(items):
    return any(sum(map(len, item.words)) > 300 for item in items)


def skips_back(items):
    """Whether a LIMIT has a negative offset: what that means depends on the encoding of a sorted set."""
    words = [word.upper() for word in items[0].words]
    return any(word == b"LIMIT" and offset.startswith(b"-") for word, offset in zip(words, words[1:]))


class FixedKey(Arguments):
    """All commands of a row have the same key."""

    fixed = None

    def key(self):
        return super().key() if self.fixed is None else self.fixed

    def every_key(self):
        return EVERY_KEY


def mutate(drawn, words):
    """Makes a command wrong, now and then."""
    chance = drawn.random()
    if chance < 0.03 and len(words) > 1:
        words[drawn.randrange(1, len(words))] = drawn.choice(GARBAGE)
    elif chance < 0.04 and len(words) > 1:
        words.pop()
    elif chance < 0.05:
        words.append(drawn.choice(GARBAGE))
    elif chance < 0.12:
        words[0] = words[0].lower()
