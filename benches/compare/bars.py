"""The table as bars: what a request costs, in parts of what it costs the better of the two rivals."""
from peers import best
from svg import Picture

WIDTH, LEFT, RIGHT, TOP, BOTTOM = 860, 180, 120, 74, 52
BAR, GAP, BETWEEN = 9, 2, 14
# A bar that is longer than so many times the better rival is cut.
LONGEST = 2.0


def table(workloads, servers, cpu, theme, note):
    group = len(servers) * (BAR + GAP) + BETWEEN
    drawn = [workload for workload in workloads if best(workload, cpu)]
    bottom = TOP + group * len(drawn)
    picture = Picture(WIDTH, bottom + BOTTOM, theme, "Server CPU per request")
    picture.text(16, 26, "Server CPU for each request", size=16, weight="600")
    picture.text(16, 46, "in parts of the better of Redis 8.2 and Valkey 9.1; the figures are µs; shorter is better", colour="faint")
    picture.text(WIDTH - 16, bottom + BOTTOM - 10, note, size=10, colour="faint", anchor="end")
    legend(picture, servers)
    scale = (WIDTH - LEFT - RIGHT) / LONGEST
    axis(picture, scale, bottom)
    for number, workload in enumerate(drawn):
        bars_of(picture, workload, servers, cpu, scale, TOP + group * number)
    return picture


def legend(picture, servers):
    x = WIDTH - 16
    for name in reversed(servers):
        picture.text(x, 26, name, anchor="end")
        x -= 7 * len(name) + 16
        picture.bar(x, 17, 10, 10, name)
        x -= 16


def axis(picture, scale, bottom):
    for tick in (0, 0.5, 1, 1.5, 2):
        x = LEFT + tick * scale
        picture.line(x, TOP - 6, x, bottom, "faint" if tick == 1 else "grid", dashes="3 3" if tick == 1 else "")
        picture.text(x, bottom + 18, f"{tick:g}×", colour="faint", anchor="middle", size=11)


def bars_of(picture, workload, servers, cpu, scale, top):
    middle = top + len(servers) * (BAR + GAP) / 2 + 4
    picture.text(LEFT - 12, middle, workload, anchor="end")
    for number, name in enumerate(servers):
        taken = cpu.get((name, workload))
        if taken is None:
            continue
        part = taken / best(workload, cpu)
        y, length = top + number * (BAR + GAP), min(part, LONGEST) * scale
        picture.bar(LEFT, y, length, BAR, name)
        label = f"{taken:.{0 if taken >= 100 else 2}f}" + (f" ({part:.1f}×)" if part > LONGEST else "")
        ours = name == "kvstore"
        label += f" · {part:.2f}×" if ours else ""
        picture.text(LEFT + length + 5, y + BAR - 1, label, size=10, colour="text" if ours else "faint", weight="600" if ours else "normal")
