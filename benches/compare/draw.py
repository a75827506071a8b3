"""`draw`: the pictures of a file that `run` or `growth` has written, each for light and for dark pages."""
import json
import os
import sys

import bars
import lines
from svg import THEMES

SERVERS = ("kvstore", "Valkey 9.1", "Redis 8.2", "floor")


def draw(path, folder):
    with open(path) as file:
        written = json.load(file)
    if written["kind"] not in ("run", "growth"):
        sys.exit(f"there is no picture for what `{written['kind']}` measures")
    folder = folder or os.path.dirname(os.path.abspath(path))
    cpu = least_cpu(written["samples"])
    for theme in THEMES:
        for name, picture in pictures(written, cpu, theme):
            target = os.path.join(folder, f"{name}-{theme}.svg")
            picture.save(target)
            print(os.path.relpath(target))


def pictures(written, cpu, theme):
    made_on = written["machine"]
    note = f"{made_on['date']}, {made_on['processor']}, {made_on['cores']} cores, virtualised: {made_on['virtualised']}"
    drawn = [server for server in SERVERS if server in written["servers"]]
    if written["kind"] == "run":
        return [("table", bars.table(written["workloads"], drawn, cpu, theme, note))]
    dimensions = dict.fromkeys(point["dimension"] for point in written["points"])
    growth = lambda dimension: lines.growth(dimension, written["points"], drawn, cpu, theme, note)
    return [(f"growth-{dimension}", growth(dimension)) for dimension in dimensions]


def least_cpu(samples):
    least = {}
    for sample in samples:
        key = sample["server"], sample["workload"]
        least[key] = min(sample["cpu_us"], least.get(key, sample["cpu_us"]))
    return least
