"""What a server holds, as one text for each key, so that two servers can be compared."""

from .resp import Connection, parse

DATABASES = 16
# For a key that expires soon, a comparison is a race.
SOON = 3_600_000


def ask(connection, *words):
    return parse(connection.ask(*words))[1]


def keys_of(connection, database):
    ask(connection, b"SELECT", b"%d" % database)
    found, cursor = set(), b"0"
    while True:
        (_, cursor), (_, page) = ask(connection, b"SCAN", cursor, b"COUNT", b"1000")
        found.update(key for _, key in page)
        if cursor == b"0":
            return sorted(found)


def settle(port):
    """Removes the expiry of keys and fields that would expire soon."""
    persist_fields(port, SOON)
    connection = Connection(port)
    for database in range(DATABASES):
        for key in keys_of(connection, database):
            if 0 <= int(ask(connection, b"PTTL", key)) < SOON:
                ask(connection, b"PERSIST", key)


def value_of(connection, kind, key):
    if kind == b"string":
        return ask(connection, b"GET", key)
    if kind == b"list":
        return [item for _, item in ask(connection, b"LRANGE", key, b"0", b"-1")]
    if kind == b"set":
        return sorted(item for _, item in ask(connection, b"SMEMBERS", key))
    if kind == b"hash":
        flat = [item for _, item in ask(connection, b"HGETALL", key)]
        return sorted(zip(flat[::2], flat[1::2], expiries_of(connection, key, flat[::2])))
    if kind == b"zset":
        flat = [item for _, item in ask(connection, b"ZRANGE", key, b"0", b"-1", b"WITHSCORES")]
        # Servers show the same score in different digits.
        return [(member, float(score)) for member, score in zip(flat[::2], flat[1::2])]
    if kind == b"stream":
        return stream(connection, key)
    return None


def flat(items):
    return [word for _, item in items for word in (flat(item) if isinstance(item, list) else [item])]


def stream(connection, key):
    """Returns the entries, and for each group its name and what is pending."""
    found = flat(ask(connection, b"XRANGE", key, b"-", b"+"))
    for _, facts in ask(connection, b"XINFO", b"GROUPS", key):
        name = flat(facts)[1]
        found.append(name)
        for _, pending in ask(connection, b"XPENDING", key, name, b"-", b"+", b"1000000"):
            identifier, consumer, _, deliveries = flat(pending)
            found += [identifier, consumer, deliveries]
    return found


def expiries_of(connection, key, fields):
    """The expiries of fields, -1 for none. Servers before Redis 7.4 and Valkey 9 know of none."""
    reply = parse(connection.ask(b"HPEXPIRETIME", key, b"FIELDS", b"%d" % len(fields), *fields))
    return [-1] * len(fields) if reply[0] == b"-" else [int(time) for _, time in reply[1]]


def expires_fields(port):
    """Whether a server knows of fields that expire."""
    return parse(Connection(port).ask(b"HPEXPIRETIME", b"missing", b"FIELDS", b"1", b"field"))[0] != b"-"


def copy(one, other):
    """Restores the keys of a server on another, as it dumps them."""
    source, destination = Connection(one), Connection(other)
    for database in range(DATABASES):
        ask(destination, b"SELECT", b"%d" % database)
        for key in keys_of(source, database):
            payload, expiry = ask(source, b"DUMP", key), max(0, int(ask(source, b"PEXPIRETIME", key)))
            ask(destination, b"RESTORE", key, b"%d" % expiry, payload, b"ABSTTL")
    source.close()
    destination.close()


def persist_fields(port, soon):
    """Removes the expiry of fields that would expire within so many milliseconds."""
    connection = Connection(port)
    for database in range(DATABASES):
        for key in keys_of(connection, database):
            fields = [item for _, item in ask(connection, b"HKEYS", key)] if ask(connection, b"TYPE", key) == b"hash" else []
            if fields and any(0 <= time < soon for time in times_left(connection, key, fields)):
                ask(connection, b"HPERSIST", key, b"FIELDS", b"%d" % len(fields), *fields)
    connection.close()


def times_left(connection, key, fields):
    reply = parse(connection.ask(b"HPTTL", key, b"FIELDS", b"%d" % len(fields), *fields))
    return [] if reply[0] == b"-" else [int(time) for _, time in reply[1]]


def without_field_expiries(found):
    """The same contents as if no field had an expiry."""
    def persisted(kind, value):
        return [(field, word, -1) for field, word, _ in value] if kind == b"hash" else value

    return {key: (kind, expiry, persisted(kind, value)) for key, (kind, expiry, value) in found.items()}


def libraries(connection):
    """The libraries of functions as if they were keys of a database in front of the first."""
    listed = [flat(facts) for _, facts in ask(connection, b"FUNCTION", b"LIST", b"WITHCODE")]
    return {(-1, library[1]): (b"library", -1, library[-1]) for library in listed}


def contents(port):
    """Returns the keys with their types, expiries and values, and the libraries of functions. Types that our server does not have are left out."""
    connection = Connection(port)
    found = libraries(connection)
    for database in range(DATABASES):
        for key in keys_of(connection, database):
            kind = ask(connection, b"TYPE", key)
            value = value_of(connection, kind, key)
            if value is None:
                continue
            found[database, key] = kind, int(ask(connection, b"PEXPIRETIME", key)), value
    connection.close()
    return found


def differences(one, other):
    """Returns lines that say how two contents differ."""
    lines = []
    for name in sorted(one.keys() | other.keys()):
        if one.get(name) != other.get(name):
            lines.append(f"{name}: {str(one.get(name))[:300]} / {str(other.get(name))[:300]}")
    return lines
