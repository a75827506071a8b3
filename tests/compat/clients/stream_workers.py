"""Workers of a consumer group, in processes that are killed at random: no entry is lost, none is given to two, none acknowledged twice.

    stream_workers.py PORT [SEED]

The workers are of redis-py, and of FastStream, whose subscribers are functions as those of Faust are.
"""

import asyncio
import collections
import logging
import random
import sys
import threading
import time

import redis

from processes import PATIENCE, Worker, tell, until

STREAM, GROUP = "orders", "workers"
# An entry that nobody has acknowledged for so many milliseconds is another's.
IDLE = 150


def redis_py(port, name):
    """A loop as programs have it: what others have left, then what is new."""
    client = redis.Redis(port=port, decode_responses=True)

    def work(entries):
        for entry, fields in entries:
            time.sleep(random.random() / 1000)
            tell("did", entry, fields["number"])
            tell("acked", entry, client.xack(STREAM, GROUP, entry))

    # One that has the name of one that was killed begins with what that one had.
    [[_, left]] = client.xreadgroup(GROUP, name, {STREAM: "0"}, count=1000) or [[STREAM, []]]
    work(left)
    while True:
        _, left, _ = client.xautoclaim(STREAM, GROUP, name, IDLE, "0-0", count=10)
        work(left)
        for _, entries in client.xreadgroup(GROUP, name, {STREAM: ">"}, count=10, block=50) or []:
            for entry, _ in entries:
                tell("got", entry)
            work(entries)


def fast_stream(port, name):
    """Functions that are given entries: those that are new, and those that were left."""
    from faststream.redis import RedisBroker, StreamSub
    from faststream.redis.annotations import RedisStreamMessage

    broker = RedisBroker(f"redis://127.0.0.1:{port}", logger=logging.getLogger("silent"))

    @broker.subscriber(stream=StreamSub(STREAM, group=GROUP, consumer=name, polling_interval=50, max_records=10))
    async def new(number: int, message: RedisStreamMessage):
        tell("got", message.raw_message["message_ids"][0].decode())
        await asyncio.sleep(random.random() / 1000)
        tell("did", message.raw_message["message_ids"][0].decode(), number)

    @broker.subscriber(stream=StreamSub(STREAM, group=GROUP, consumer=f"{name}-again", polling_interval=50, min_idle_time=IDLE))
    async def left(number: int, message: RedisStreamMessage):
        tell("did", message.raw_message["message_ids"][0].decode(), number)

    async def run():
        await broker.start()
        await asyncio.Event().wait()

    asyncio.run(run())


def killed(client, port, kind, publish, count):
    """Half a dozen workers at a time, of which one after another is killed and started again, while entries are added."""
    producers = [threading.Thread(target=publish, args=[range(start, count, 3)]) for start in range(3)]
    workers = [Worker(__file__, kind, port, f"worker-{number}") for number in range(4)]
    gone = []
    try:
        until(lambda: any(worker.lines for worker in workers) or client.exists(STREAM), "the workers begin")
        [producer.start() for producer in producers]
        for death in range(14):
            victim = workers.pop(0)
            victim.kill_after(random.randrange(1, 40))
            gone.append(victim)
            # Some come back with the name that they had, others with a new one.
            workers.append(Worker(__file__, kind, port, victim.name if death % 2 else f"later-{death}"))
        [producer.join() for producer in producers]
        until(lambda: is_done(client, count), "all is acknowledged")
    finally:
        for worker in workers:
            worker.end()
    check(client, [line for worker in gone + workers for line in worker.lines], count)
    print(f"{kind}, {len(gone)} workers killed: as expected", flush=True)


def is_done(client, count):
    # Others may not have begun: the group is made by the first of them.
    [group] = client.xinfo_groups(STREAM) if client.exists(STREAM) else [{"entries-read": 0, "pending": 0}]
    return group["entries-read"] == count and group["pending"] == 0


def check(client, lines, count):
    entries = client.xrange(STREAM)
    assert len(entries) == count
    ids = [entry for entry, _ in entries]
    did = collections.Counter(line[1] for line in lines if line[0] == "did")
    assert set(did) == set(ids), f"{len(set(ids) - set(did))} entries are lost, {len(set(did) - set(ids))} were never added"
    assert {int(line[2]) for line in lines if line[0] == "did"} == set(range(count))
    twice = [entry for entry, times in collections.Counter(line[1] for line in lines if line[0] == "got").items() if times > 1]
    assert not twice, f"given to two: {twice}"
    acknowledged = collections.Counter()
    for line in lines:
        if line[0] == "acked":
            acknowledged[line[1]] += int(line[2])
    assert all(times <= 1 for times in acknowledged.values()), f"acknowledged twice: {acknowledged.most_common(3)}"
    assert client.xpending(STREAM, GROUP)["pending"] == 0
    [group] = client.xinfo_groups(STREAM)
    assert group["lag"] == 0 and group["last-delivered-id"] == ids[-1], group
    assert all(consumer["pending"] == 0 for consumer in client.xinfo_consumers(STREAM, GROUP))


def fanned_out(client, port):
    """Each group gets all, each reader of the stream all in order, while it is cut short behind them."""
    count, heard, errors = 3000, collections.defaultdict(list), []
    for group in "ab":
        client.xgroup_create(STREAM, group, id="0", mkstream=True)

    def read_in_group(group, name):
        with redis.Redis(port=port, decode_responses=True) as own:
            while len(heard[group]) < count:
                for _, entries in own.xreadgroup(group, name, {STREAM: ">"}, count=7, block=100, noack=True) or []:
                    heard[group].extend(int(fields["number"]) for _, fields in entries)

    def follow(name):
        last = "0"
        with redis.Redis(port=port, decode_responses=True) as own:
            while len(heard[name]) < count:
                for _, entries in own.xread({STREAM: last}, count=50, block=100) or []:
                    heard[name].extend(int(fields["number"]) for _, fields in entries)
                    last = entries[-1][0]

    def watched(read, *arguments):
        try:
            read(*arguments)
        except Exception as error:
            errors.append(error)

    readers = [threading.Thread(target=watched, args=[read_in_group, group, f"{group}{number}"]) for group in "ab" for number in range(3)]
    readers += [threading.Thread(target=watched, args=[follow, f"reader-{number}"]) for number in range(3)]
    [reader.start() for reader in readers]
    for number in range(count):
        client.xadd(STREAM, {"number": number})
        if number % 100 == 99:
            slowest = min(len(heard[name]) for name in ["a", "b", *[f"reader-{number}" for number in range(3)]])
            client.xtrim(STREAM, maxlen=max(1, number + 1 - slowest + 500), approximate=False)
    [reader.join(PATIENCE) for reader in readers]
    assert not errors and not any(reader.is_alive() for reader in readers), errors
    for name, numbers in heard.items():
        assert sorted(numbers) == list(range(count)), f"{name} heard {len(numbers)}"
        assert name in "ab" or numbers == list(range(count)), f"{name} heard them in another order"
    assert client.xpending(STREAM, "a")["pending"] == 0
    print("fanned out: as expected", flush=True)


def ends(client, port):
    """What waits is told when its group or its stream goes; what is trimmed while it is pending is not claimed."""
    client.xgroup_create(STREAM, GROUP, id="$", mkstream=True)

    def told(end):
        with redis.Redis(port=port, socket_timeout=PATIENCE) as own:
            answers = []

            def wait():
                try:
                    answers.append(own.xreadgroup(GROUP, "waits", {STREAM: ">"}, block=0))
                except redis.ResponseError as error:
                    answers.append(str(error))

            waiting = threading.Thread(target=wait)
            waiting.start()
            until(lambda: client.info("clients")["blocked_clients"] == 1, "it waits")
            end()
            waiting.join(PATIENCE)
            return answers[0]

    retype = lambda: client.pipeline().delete(STREAM).set(STREAM, "text").execute()
    # Redis before 7.2 has another error for a stream that is gone.
    gone = ("NOGROUP", "UNBLOCKED the stream key no longer exists")
    for name, end, error in [
        ("XGROUP DESTROY", lambda: client.xgroup_destroy(STREAM, GROUP), "NOGROUP"), ("DEL", lambda: client.delete(STREAM), gone),
        ("FLUSHALL", client.flushall, gone), ("expiry", lambda: client.pexpire(STREAM, 30), gone), ("another type", retype, ("WRONGTYPE", "UNBLOCKED")),
    ]:
        client.delete(STREAM)
        client.xgroup_create(STREAM, GROUP, id="$", mkstream=True)
        answer = told(end)
        assert answer.startswith(error), (name, answer)
    try:
        client.xreadgroup("none", "me", {"missing": ">"})
        raise SystemExit("no error")
    except redis.ResponseError as error:
        assert str(error).startswith("NOGROUP No such key 'missing' or consumer group 'none'"), error

    client.delete(STREAM)
    client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
    ids = [client.xadd(STREAM, {"number": number}) for number in range(10)]
    client.xreadgroup(GROUP, "first", {STREAM: ">"})
    client.xdel(STREAM, *ids[:3])
    at, left, gone = client.xautoclaim(STREAM, GROUP, "second", 0, "0-0", count=5)
    assert [entry for entry, _ in left] == ids[3:5] and gone == ids[:3] and at == ids[5], (at, left, gone)
    assert [entry for entry, _ in client.xclaim(STREAM, GROUP, "second", 0, ids[5:7])] == ids[5:7]
    assert client.xpending_range(STREAM, GROUP, "-", "+", 10, "second")[0]["times_delivered"] == 2
    assert client.xgroup_delconsumer(STREAM, GROUP, "first") == 3
    assert client.xack(STREAM, GROUP, *ids) == 4 and client.xack(STREAM, GROUP, *ids) == 0
    print("groups and streams that end: as expected", flush=True)


def add_directly(port):
    def publish(numbers):
        with redis.Redis(port=port) as client:
            for number in numbers:
                client.xadd(STREAM, {"number": number})
    return publish


def add_by_broker(port):
    from faststream.redis import RedisBroker

    async def publish(numbers):
        async with RedisBroker(f"redis://127.0.0.1:{port}", logger=logging.getLogger("silent")) as broker:
            for number in numbers:
                await broker.publish(number, stream=STREAM)
    return lambda numbers: asyncio.run(publish(numbers))


def main(port, seed):
    random.seed(seed)
    # FastStream packs the fields of an entry: they are no text.
    with redis.Redis(port=port, decode_responses=True, encoding_errors="replace") as client:
        for scenario in fanned_out, ends:
            client.flushall()
            scenario(client, port)
        for kind, publish, count in ("redis_py", add_directly(port), 3000), ("fast_stream", add_by_broker(port), 1500):
            client.flushall()
            client.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
            killed(client, port, kind, publish, count)


if __name__ == "__main__":
    first, *rest = sys.argv[1:]
    if first.isdecimal():
        main(int(first), int(rest[0]) if rest else 1)
    else:
        {"redis_py": redis_py, "fast_stream": fast_stream}[first](int(rest[0]), rest[1])
