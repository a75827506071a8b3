"""Tables in Markdown, and the file with all that was measured."""
import json
import os
import sys

import machine

HERE = os.path.dirname(os.path.abspath(__file__))


def table(head, rows):
    rows = [[str(cell) for cell in row] for row in rows]
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    line = lambda row: "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths)) + " |"
    print(line(head), "|" + "---|" * len(head), *map(line, rows), sep="\n")


def number(value, digits=2):
    return "–" if value is None else f"{value:.{digits}f}"


def count(value):
    """1234567 as 1.23 M."""
    for power, unit in ((1e6, " M"), (1e3, " k")):
        if value is not None and value >= power:
            return f"{value / power:.3g}{unit}"
    return number(value, 0)


def ratio(ours, theirs):
    return None if ours is None or not theirs else ours / theirs


def save(kind, path, peers, errors, **measured):
    """Writes the file, and says what went wrong: the last thing that is read."""
    described = machine.describe()
    versions = {peer.name: {"version": peer.version(), "command": peer.shown()} for peer in peers}
    path = path or os.path.join(HERE, "results", f"{kind}.json")
    os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
    with open(path, "w") as file:
        json.dump({"kind": kind, "machine": described, "servers": versions, "errors": errors, **measured}, file, indent=1)
        file.write("\n")
    print(f"\n{machine.in_words(described)}\n\nwritten to {os.path.relpath(path)}")
    for error in errors:
        print("!!", error, file=sys.stderr)
