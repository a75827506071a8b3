"""Templates of commands, such as `ZADD key [NX|XX] (score member)+`.

A word in lower case is an argument to draw (a method of `Arguments`, which may draw several words); another stands for itself, as does one behind a quote, in
which `~` is an asterisk. `[a|b]` is one of these or none, `(a|b)` one of these; `+` repeats a word or a group one to three times,
`*` many times. `key#` is a number, and as many keys.
"""

import re

TOKEN = re.compile(r"[\[\]()|+*]|[^\s\[\]()|+*]+")


def compile(text):
    """Returns a function that appends the words of a command, drawn from `Arguments`."""
    tokens = TOKEN.findall(text)
    parts = sequence(tokens)
    assert not tokens, text
    return parts


def sequence(tokens):
    parts = []
    while tokens and tokens[0] not in "])|":
        parts.append(part(tokens))

    def draw(arguments, words):
        for each in parts:
            each(arguments, words)

    return draw


def part(tokens):
    token = tokens.pop(0)
    if token in "[(":
        drawn = group(tokens, "]" if token == "[" else ")", optional=token == "[")
    elif token.startswith("'"):
        drawn = literal(token[1:].replace("~", "*").encode())
    elif token.endswith("#") and token != "#":
        drawn = counted(argument(token[:-1]))
    elif token.islower():
        drawn = argument(token)
    else:
        drawn = literal(token.encode())
    if tokens and tokens[0] in "+*":
        return repeated(drawn, (1, 3) if tokens.pop(0) == "+" else (20, 150))
    return drawn


def group(tokens, end, optional):
    choices = [sequence(tokens)]
    while tokens[0] == "|":
        tokens.pop(0)
        choices.append(sequence(tokens))
    assert tokens.pop(0) == end

    def draw(arguments, words):
        if not optional or arguments.random.random() < 0.4:
            arguments.random.choice(choices)(arguments, words)

    return draw


def argument(name):
    if name in ("key_value", "member_value"):
        return sequence(name.split("_"))
    if name == "every_key":
        return lambda arguments, words: words.extend(arguments.every_key())

    def draw(arguments, words):
        drawn = getattr(arguments, name)()
        words.extend(drawn if isinstance(drawn, list) else [drawn])

    return draw


def literal(word):
    def draw(_, words):
        words.append(word)

    return draw


def repeated(drawn, bounds):
    def draw(arguments, words):
        for _ in range(arguments.random.randint(*bounds)):
            drawn(arguments, words)

    return draw


def counted(drawn):
    def draw(arguments, words):
        count = arguments.random.randint(1, 3)
        wrong = arguments.random.random() < 0.04
        words.append(arguments.garbage() if wrong else b"%d" % count)
        for _ in range(count):
            drawn(arguments, words)

    return draw
