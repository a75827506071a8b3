"""How cost grows: a plot for each command, both axes logarithmic, the name of each line at its end."""
import math

from svg import Picture

PANEL, HEIGHT, LEFT, TOP, BOTTOM, NAMES = 330, 250, 58, 78, 74, 84
LABELS = {
    "keys": "number of keys",
    "connections": "connections",
    "size": "size of the value",
    "depth": "depth of the pipeline",
}
TITLES = {
    "keys": "at depth 16, 50 connections, values of 64 bytes",
    "connections": "at depth 1, 100,000 keys, values of 64 bytes; without what it costs to connect",
    "size": "at depth 1, 10 connections",
    "depth": "50 connections, 100,000 keys, values of 64 bytes",
}


def growth(dimension, points, servers, cpu, theme, note):
    points = [point for point in points if point["dimension"] == dimension]
    commands = list(dict.fromkeys(point["command"] for point in points))
    width = LEFT + len(commands) * (PANEL + NAMES) + (len(commands) - 1) * LEFT
    picture = Picture(width, TOP + HEIGHT + BOTTOM, theme, f"Server CPU per request by {LABELS[dimension]}")
    picture.text(16, 26, f"Server CPU for each request, by the {LABELS[dimension].removeprefix('the ')}", size=16, weight="600")
    picture.text(16, 46, f"µs, both axes logarithmic; {TITLES[dimension]}", colour="faint")
    picture.text(width - 16, TOP + HEIGHT + BOTTOM - 10, note, size=10, colour="faint", anchor="end")
    costs = [cpu[server, point["workload"]] for server in servers for point in points if (server, point["workload"]) in cpu]
    y_of = scale(min(costs), max(costs), TOP + HEIGHT, TOP)
    values = [point["value"] for point in points]
    for number, command in enumerate(commands):
        left = LEFT + number * (PANEL + NAMES + LEFT)
        x_of = scale(min(values), max(values), left, left + PANEL)
        frame(picture, command, dimension, values, costs, x_of, y_of, left)
        of_command = [point for point in points if point["command"] == command]
        plot(picture, of_command, servers, cpu, x_of, y_of, left)
    return picture


def scale(low, high, start, end):
    span = math.log(high / low) or 1
    return lambda value: start + (end - start) * math.log(value / low) / span


def frame(picture, command, dimension, values, costs, x_of, y_of, left):
    picture.text(left, TOP - 10, command, weight="600")
    for cost in ticks(costs):
        picture.line(left, y_of(cost), left + PANEL, y_of(cost))
        picture.text(left - 8, y_of(cost) + 4, f"{cost:g}", size=11, colour="faint", anchor="end")
    for value in marks(dimension, values):
        picture.line(x_of(value), TOP + HEIGHT, x_of(value), TOP + HEIGHT + 4, "faint")
        picture.text(x_of(value), TOP + HEIGHT + 18, in_short(dimension, value), size=11, colour="faint", anchor="middle")
    picture.text(left + PANEL / 2, TOP + HEIGHT + 40, LABELS[dimension], colour="faint", anchor="middle")


def ticks(costs):
    """Powers of ten; where these are few, some multiples of them as well."""
    low, high = min(costs), max(costs)
    powers = [10.0**power for power in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]
    steps = (1,) if high / low > 300 else (1, 2, 5) if high / low > 10 else (1, 1.5, 2, 3, 5, 7)
    return [step * power for power in powers for step in steps if low <= step * power <= high]


def marks(dimension, values):
    low, high = min(values), max(values)
    base, step = (2, 6) if dimension == "size" else (2, 2) if dimension == "depth" else (10, 1)
    exponents = range(0, math.floor(math.log(high, base) + 1e-9) + 1, step)
    return [base**exponent for exponent in exponents if base**exponent >= low]


def in_short(dimension, value):
    if dimension == "size":
        for unit, power in (("MiB", 20), ("KiB", 10)):
            if value >= 1 << power:
                return f"{value >> power} {unit}"
        return f"{value} B"
    return f"{value // 10**6} M" if value >= 10**6 else f"{value // 1000} k" if value >= 1000 and dimension != "depth" else str(value)


def plot(picture, points, servers, cpu, x_of, y_of, left):
    ends = []
    for server in reversed(servers):
        line = [(x_of(p["value"]), y_of(cpu[server, p["workload"]])) for p in points if (server, p["workload"]) in cpu]
        if line:
            picture.path(line, server, 2.5 if server == "kvstore" else 1.5)
            ends.append((line[-1][1], server))
    for y, server in apart(sorted(ends)):
        picture.text(left + PANEL + 8, y + 4, server, colour=server, weight="600" if server == "kvstore" else "normal")


def apart(ends, distance=15):
    """Names that would lie on each other are moved down."""
    placed = []
    for y, server in ends:
        placed.append((max(y, placed[-1][0] + distance) if placed else y, server))
    return placed
