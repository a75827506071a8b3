"""Compares the replies of two servers, by the rule of the command: see `families`."""

from .resp import parse


def agree(rule, ours, theirs, pools):
    """Whether two replies (bytes) are the same; `pools` are those of both to the command before."""
    if ours == theirs and not rule.startswith("random"):
        return True
    return agree_parsed(rule, parse(ours), parse(theirs), [pool and parse(pool) for pool in pools])


def agree_parsed(rule, ours, theirs, pools=(None, None)):
    if rule.startswith("random"):
        pairs = rule == "random-pairs"
        drawn = all(is_drawn_from(reply, pool, pairs) for reply, pool in zip((ours, theirs), pools))
        return drawn and outline(ours) == outline(theirs)
    return canonical(rule, ours) == canonical(rule, theirs)


def exec_differences(items, ours, theirs):
    """Yields the queued commands to which EXEC replies differently. A command draws from a pool of the transaction."""
    ours, theirs = parse(ours), parse(theirs)
    if not (is_array(ours) and is_array(theirs) and len(ours[1]) == len(theirs[1]) == len(items)):
        yield from items if ours != theirs else []
        return
    pools = (None, None)
    for item, left, right in zip(items, ours[1], theirs[1]):
        if not agree_parsed(item.rule, left, right, pools):
            yield item
        pools = left, right


def is_array(reply):
    return reply[0] in b"*~>%" and reply[1] is not None


def canonical(rule, reply):
    if not is_array(reply):
        # The type alone: whether a number, an error or a null.
        return (reply[0], reply[1] is None) if rule == "shape" else reply
    kind, items = reply
    if rule == "shape":
        return kind
    if rule == "unordered":
        return kind, sorted(items, key=repr)
    if rule == "pairs":
        return kind, sorted(pairs_of(items), key=repr)
    if rule.startswith("scan"):
        cursor, elements = items
        return kind, cursor, canonical("pairs" if rule == "scan-pairs" else "unordered", elements)
    return reply


def pairs_of(items):
    """`[a, 1, b, 2]` or `[[a, 1], [b, 2]]` as pairs."""
    if items and is_array(items[0]):
        return [tuple(map(repr, item[1])) for item in items]
    return list(zip(map(repr, items[::2]), map(repr, items[1::2])))


def is_drawn_from(reply, pool, pairs):
    """Whether what a random command answered is among what there is."""
    if not is_array(reply):
        return reply[1] is None or pool is None or reply[0] in b"-:" or (is_array(pool) and reply in pool[1])
    if not reply[1] or pool is None:
        return True
    if not is_array(pool):
        return False
    if pairs:
        return set(pairs_of(reply[1])) <= set(pairs_of(pool[1]))
    return all(item in pool[1] for item in reply[1])


def outline(reply):
    """What two random replies have in common: types and lengths."""
    kind, payload = reply
    if kind == b"-":
        return reply
    if is_array(reply):
        return kind, len(payload)
    return kind, payload is None
