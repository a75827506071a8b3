"""`elements`: resident bytes of lists, hashes, sets and sorted sets: many small ones, and a large one."""
import report
from connection import Connection, ServerError
from families import in_parts
from server import SERVER_CORE, Server

QUICK = {"keys": 20_000, "elements": 200_000}
FULL = {"keys": 100_000, "elements": 1_000_000}
SMALL = 10


def commands(family, name, count):
    elements = [f"e:{number}" if count == SMALL else "element:%07d" % number for number in range(count)]
    match family:
        case "lists": return in_parts("RPUSH", name, elements)
        case "hashes": return in_parts("HSET", name, [word for number, element in enumerate(elements) for word in (element, number)])
        case "sets": return in_parts("SADD", name, elements)
        case "sorted sets": return in_parts("ZADD", name, [word for number, element in enumerate(elements) for word in (number, element)])


def elements(peers, options):
    effort, errors, measured = QUICK if options.quick else FULL, [], {}
    rows = [(family, keys, count) for family in ("lists", "hashes", "sets", "sorted sets")
            for keys, count in ((effort["keys"], SMALL), (1, effort["elements"]))]
    peers = [peer for peer in peers if peer.stores]
    for family, keys, count in rows:
        for peer in peers:
            try:
                measured[peer.name, name_of(family, keys, count)] = bytes_of(peer, family, keys, count)
            except (ServerError, OSError) as error:
                errors.append(f"{peer.name}, {family}: {error}")
    names, titles = [peer.name for peer in peers], [name_of(*row) for row in rows]
    print("\nresident bytes of an element, with its share of the key; kvstore to the better of Redis and Valkey\n")
    report.table(["", *names, "kvstore / best"], [[title, *[report.number(measured.get((name, title)), 1) for name in names],
                                                   report.number(to_best(title, measured))] for title in titles])
    report.save("elements", options.json, peers, errors,
                measured=[{"server": server, "what": what, "bytes": bytes_} for (server, what), bytes_ in measured.items()])


def to_best(title, measured):
    from peers import best
    return report.ratio(measured.get(("kvstore", title)), best(title, {(server, what): value for (server, what), value in measured.items()}))


def name_of(family, keys, count):
    return f"{keys:,} {family} of {count}" if keys > 1 else f"one of the {family}, {count:,}"


def bytes_of(peer, family, keys, count):
    with Server(peer, SERVER_CORE) as server:
        server.await_pong()
        server.come_to_rest()
        before = server.resident_bytes()
        with Connection(server.port) as connection:
            batch = [command for number in range(keys) for command in commands(family, "key:%012d" % number, count)]
            for at in range(0, len(batch), 500):
                part = batch[at:at + 500]
                connection.socket.sendall(b"".join(part))
                for _ in part:
                    connection.reply()
        server.come_to_rest()
        return (server.resident_bytes() - before) / (keys * count)
