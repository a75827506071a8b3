"""Programs in Python that use scripts: the locks and scripts of redis-py, a leaky bucket, the libraries of Lua, django-cacheops, pottery,
redis-rate-limiters and walrus. Those that are asked by a plain connection are asked in RESP2 and in RESP3."""

import hashlib
import json
import math
import struct
import sys
import threading
import time

import msgpack
import redis

LEAKY_BUCKET = """
local capacity, leak, now, amount = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local state = redis.call('HMGET', KEYS[1], 'level', 'at')
local level, at = tonumber(state[1] or 0), tonumber(state[2] or now)
level = math.max(0, level - (now - at) * leak)
local passes = level + amount <= capacity
if passes then level = level + amount end
redis.call('HSET', KEYS[1], 'level', level, 'at', now)
redis.call('PEXPIRE', KEYS[1], math.ceil(capacity / leak * 1000) + 1000)
return {passes and 1 or 0, tostring(level)}
"""


def registered(client):
    """Scripts of redis-py, alone and in pipelines, also when the server has forgotten them."""
    add = client.register_script("return redis.call('INCRBY', KEYS[1], ARGV[1])")
    assert [add(keys=["sum"], args=[5]), add(keys=["sum"], args=[6])] == [5, 11]
    client.script_flush()
    assert add(keys=["sum"], args=[1]) == 12
    with client.pipeline() as pipeline:
        for number in range(100):
            add(keys=["sum"], args=[number], client=pipeline)
        client.script_flush()
        assert pipeline.execute()[-1] == 12 + sum(range(100))
    assert client.script_exists(add.sha, "0" * 40) == [True, False]
    raw = bytes(range(256)) * 400
    both = client.register_script("redis.call('SET', KEYS[1], ARGV[1]) return {redis.call('GET', KEYS[1]), string.len(ARGV[1]), string.reverse(ARGV[1])}")
    assert both(keys=[raw[:300]], args=[raw]) == [raw, len(raw), raw[::-1]]
    many = client.register_script("local found = {} for i = 1, tonumber(ARGV[1]) do found[i] = {i, tostring(i)} end return found")
    assert many(args=[20000]) == [[number, b"%d" % number] for number in range(1, 20001)]
    for script, complaint in [
        ("return redis.call('LPUSH', KEYS[1], 1)", "WRONGTYPE"), ("error('by hand')", "by hand"), ("return redis.error_reply('MY own')", "MY own"),
        ("return nothing.at_all", "nonexistent global variable|attempt to index"), ("error({err = 'TABLE of one'})", "TABLE of one"),
    ]:
        try:
            client.eval(script, 1, "sum")
            raise SystemExit(f"no error: {script}")
        except redis.ResponseError as error:
            assert any(part in str(error) for part in complaint.split("|")), (script, error)
    # What an error leaves is what was written before it.
    assert client.get("half") is None
    try:
        client.eval("redis.call('SET', KEYS[1], 'written') redis.call('INCR', KEYS[1])", 1, "half")
    except redis.ResponseError:
        pass
    assert client.get("half") == b"written"


def locks(client):
    """The lock of redis-py: one at a time, extended, lost, and waited for."""
    def add(times):
        for _ in range(times):
            with client.lock("lock:sum", timeout=30, sleep=0.001):
                client.set("lock:number", int(client.get("lock:number") or 0) + 1)

    threads = [threading.Thread(target=add, args=[25]) for _ in range(8)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert client.get("lock:number") == b"200"
    lock, other = client.lock("lock:one", timeout=10), client.lock("lock:one", timeout=10, blocking_timeout=0.05)
    assert lock.acquire() and not other.acquire()
    assert lock.extend(20) and 29000 < client.pttl("lock:one") <= 30000
    assert lock.extend(5, replace_ttl=True) and client.pttl("lock:one") <= 5000
    assert lock.reacquire() and 9000 < client.pttl("lock:one") <= 10000
    assert lock.owned() and not other.owned()
    client.set("lock:one", "stolen")
    for lose in lock.extend, lock.release:
        try:
            lose(*[1] if lose == lock.extend else [])
            raise SystemExit("a lock that was lost is still held")
        except redis.exceptions.LockError:
            pass
    assert client.get("lock:one") == b"stolen"


def leaky_bucket(client):
    """A bucket with fractions: as the same sums in Python."""
    bucket = client.register_script(LEAKY_BUCKET)
    level, at, now = 0.0, 1000.0, 1000.0
    for step in range(300):
        now += (step * 37 % 11) / 8
        amount = 1 + (step % 3) / 4
        level = max(0.0, level - (now - at) * 1.25)
        passes, at = level + amount <= 5, now
        level += amount if passes else 0
        answer = bucket(keys=["bucket"], args=[5, 1.25, now, amount])
        assert answer == [int(passes), b"%.14g" % level], (step, answer, passes, level)
        # The hash has what 17 digits say of it.
        assert float(client.hget("bucket", "level")) == level
    assert 0 < client.pttl("bucket") <= 5000


def libraries(client):
    """cjson, cmsgpack, struct and bit, against those of Python."""
    values = [
        {"a": [1, 2, 3], "b": {"d": [True, False]}}, [1.5, -0.25, 1e100, 123456789], "naïve \u0000 \" \\ / 猫", [[[[[[]]]]]], {"101": 101},
        list(range(300)), {str(number): "x" * number for number in range(50)}, -(2**31), 2**40, [], "",
    ]
    for value in values:
        again = json.loads(client.eval("return cjson.encode(cjson.decode(ARGV[1]))", 0, json.dumps(value)))
        assert same(again, value), (again, value)
        packed = client.eval("return cmsgpack.pack(cjson.decode(ARGV[1]))", 0, json.dumps(value))
        assert same(msgpack.unpackb(packed, strict_map_key=False), value), (packed, value)
        again = json.loads(client.eval("return cjson.encode(cmsgpack.unpack(ARGV[1]))", 0, msgpack.packb(value)))
        assert same(again, value), (again, value)
    # Lua has no null in a table, but cjson has one.
    nulls = b'{"a":[null,1,null]}'
    assert client.eval("return cjson.encode(cjson.decode(ARGV[1]))", 0, nulls) == nulls
    assert msgpack.unpackb(client.eval("return cmsgpack.pack(cjson.decode(ARGV[1]))", 0, nulls)) == {"a": [None, 1, None]}
    assert client.eval("return cjson.encode({cmsgpack.unpack(ARGV[1])})", 0, b"".join(map(msgpack.packb, [1, "two", [3]]))) == b'[1,"two",[3]]'
    assert client.eval("return {cjson.encode(101), cjson.encode(0.1), cjson.encode(2^53), cjson.encode(-0.5)}", 0) == [b"101", b"0.1", b"9.007199254741e+15", b"-0.5"]
    assert client.eval("return {cjson.decode('[1,null]')[2] == cjson.null and 1 or 0, type(cjson.null)}", 0) == [1, b"userdata"]
    for text, packed in [("'>I2i4', 513, -2", struct.pack(">Hi", 513, -2)), ("'<Bhd', 7, -300, 0.1", struct.pack("<Bhd", 7, -300, 0.1)), ("'c3s', 'abc', 'end'", b"abcend\0")]:
        assert client.eval(f"return struct.pack({text})", 0) == packed, text
    assert client.eval("local a, b, at = struct.unpack('>I2i4', ARGV[1]) return {a, b, at, struct.size('>I2i4')}", 0, struct.pack(">Hi", 513, -2)) == [513, -2, 7, 6]
    assert client.eval("return {bit.band(12, 10), bit.bor(12, 10), bit.bxor(12, 10), bit.bnot(0), bit.lshift(1, 31), bit.rshift(-1, 28), bit.arshift(-16, 2)}", 0) == [8, 14, 6, -1, -(2**31), 15, -4]
    assert client.eval("return {bit.tohex(255), bit.tohex(-1, 4), bit.rol(1, 33), bit.bswap(1)}", 0) == [b"000000ff", b"ffff", 2, 0x1000000]
    assert client.eval("return redis.sha1hex(ARGV[1])", 0, b"\0\xff") == hashlib.sha1(b"\0\xff").hexdigest().encode()
    for broken in ["cjson.decode('[1,')", "cjson.decode(string.rep('[', 2000))", "cmsgpack.unpack('\\200\\255\\255')", "struct.unpack('I4', 'abc')", "struct.pack('i99', 1)", "cjson.encode({[{}] = 1})"]:
        assert client.eval(f"return pcall(function() return {broken} end) and 1 or 0", 0) == 0, broken
    # The bits of what RESP3 has and Lua has not.
    kinds = "redis.setresp(3) local all = redis.call('HGETALL', KEYS[1]) local score = redis.call('ZSCORE', KEYS[2], 'm') return {all.map.f, tostring(score.double), redis.call('GET', 'none') == nil and 1 or 0}"
    client.hset("kinds:hash", "f", "v")
    client.zadd("kinds:board", {"m": 1.5})
    assert client.eval(kinds, 2, "kinds:hash", "kinds:board") == [b"v", b"1.5", 1]


def same(one, other):
    """Equal, where an empty table may be a list or a map, and numbers have the digits of Lua."""
    if isinstance(one, (list, dict)) and not one:
        return other in ([], {})
    if isinstance(one, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(one, other, rel_tol=1e-13)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return one == other


def rate_limiters(client):
    """The token bucket and the semaphore of redis-rate-limiters."""
    from limiters import MaxSleepExceededError, SyncSemaphore, SyncTokenBucket

    bucket = SyncTokenBucket(connection=client, name="bucket", capacity=5, refill_frequency=60, refill_amount=1, max_sleep=1)
    for _ in range(5):
        with bucket:
            pass
    try:
        with bucket:
            raise SystemExit("a sixth token of five")
    except MaxSleepExceededError:
        pass
    running, most, guard = [0], [0], threading.Lock()

    def work():
        with SyncSemaphore(connection=client, name="semaphore", capacity=3, max_sleep=0):
            with guard:
                running[0] += 1
                most[0] = max(most[0], running[0])
            time.sleep(0.005)
            with guard:
                running[0] -= 1

    threads = [threading.Thread(target=work) for _ in range(30)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert most[0] <= 3 and client.llen("{limiter}:semaphore:semaphore") == 3, most


def pottery(client):
    """Redlock over three databases, as over three servers; numbers that are given once."""
    from pottery import NextID, Redlock

    port = client.connection_pool.connection_kwargs["port"]
    masters = {redis.Redis(port=port, db=db) for db in (1, 2, 3)}
    numbers = []

    def draw():
        own = NextID(key="numbers", masters=masters, num_tries=1000)
        numbers.extend(next(own) for _ in range(20))

    total = [0]

    def add():
        for _ in range(10):
            with Redlock(key="sum", masters=masters, auto_release_time=30):
                before = total[0]
                time.sleep(0.001)
                total[0] = before + 1

    for work, count in (draw, 2), (add, 4):
        threads = [threading.Thread(target=work) for _ in range(count)]
        [thread.start() for thread in threads]
        [thread.join() for thread in threads]
    assert len(numbers) == len(set(numbers)) == 40 and total[0] == 40, (numbers, total)
    lock = Redlock(key="one", masters=masters, auto_release_time=10)
    assert lock.acquire() and 9 < lock.locked() <= 10
    lock.extend()
    lock.release()
    assert lock.locked() == 0


def walrus(client):
    """Scripts that come as files: locks that wait at a list, arrays, a rate limit, values that are swapped."""
    from walrus import Database

    database = Database(port=client.connection_pool.connection_kwargs["port"])
    total = [0]

    def add():
        for _ in range(10):
            with database.lock("walrus", ttl=30000):
                before = total[0]
                time.sleep(0.001)
                total[0] = before + 1

    threads = [threading.Thread(target=add) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert total == [40]
    limit = database.rate_limit_lua("calls", limit=3, per=60)
    assert [limit.limit("ada") for _ in range(5)] == [False, False, False, True, True]
    array = database.Array("array")
    array.extend(["a", "b", "c", "d"])
    array.append("e")
    assert [array[0], array[-1], array.pop(0), len(array)] == [b"a", b"e", b"a", 4]
    array[1] = "x"
    assert [array[number] for number in range(4)] == [b"b", b"x", b"d", b"e"]
    database.set("version", "1:old")
    assert database.cas("version", "1:", "2:new") and not database.cas("version", "1:", "3:never")
    assert database.get("version") == b"2:new"


def cacheops(client):
    """Queries of Django that are cached, and forgotten when what they saw has changed."""
    import django
    from django.conf import settings

    settings.configure(
        INSTALLED_APPS=["cacheops"], DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
        CACHEOPS_REDIS={"port": client.connection_pool.connection_kwargs["port"]}, CACHEOPS={"*.*": {"ops": "all", "timeout": 600}},
        DEBUG=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    )
    django.setup()
    from cacheops import cached_as, invalidate_all, invalidate_obj
    from django.db import connection, models, reset_queries

    class Author(models.Model):
        name = models.CharField(max_length=50)

        class Meta:
            app_label = "cacheops"

    class Book(models.Model):
        title = models.CharField(max_length=50)
        author = models.ForeignKey(Author, models.CASCADE)
        pages = models.IntegerField(null=True)

        class Meta:
            app_label = "cacheops"

    with connection.schema_editor() as editor:
        editor.create_model(Author)
        editor.create_model(Book)

    def asked(question):
        """The answer, and how many queries the database saw."""
        reset_queries()
        answer = question()
        return answer, len(connection.queries)

    ada, grace = Author.objects.create(name="Ada"), Author.objects.create(name="Grace")
    for number in range(20):
        Book.objects.create(title=f"book {number}", author=ada if number % 2 else grace, pages=100 + number)
    of = lambda number: lambda: sorted(Book.objects.filter(author_id=number).values_list("title", flat=True))
    thick = lambda: Book.objects.filter(pages__gt=110).count()
    either = lambda: Book.objects.filter(models.Q(author=ada) | models.Q(pages=None)).count()
    for question in of(ada.pk), of(grace.pk), thick, either:
        first, queries = asked(question)
        assert queries == 1 and asked(question) == (first, 0), question
    # A book of Ada leaves what is known of Grace.
    Book.objects.create(title="new", author=ada, pages=500)
    assert asked(of(grace.pk))[1] == 0
    assert asked(of(ada.pk))[1] == 1 and "new" in of(ada.pk)()
    assert asked(thick) == (10, 1) and asked(either) == (11, 1)
    one = lambda: Book.objects.get(title="new")
    book, _ = asked(one)
    assert asked(one)[1] == 0
    book.author, book.pages = grace, None
    book.save()
    assert asked(of(ada.pk))[1] == 1 and asked(of(grace.pk))[1] == 1 and "new" in of(grace.pk)()
    assert asked(either) == (11, 1)
    Book.objects.filter(author=grace).invalidated_update(pages=1)
    assert asked(thick) == (5, 1), asked(thick)

    calls = []

    @cached_as(Author, timeout=60)
    def names():
        calls.append(1)
        return sorted(author.name for author in Author.objects.all())

    assert names() == names() == ["Ada", "Grace"] and len(calls) == 1
    Author.objects.create(name="Kay")
    assert names() == ["Ada", "Grace", "Kay"] and len(calls) == 2
    invalidate_obj(ada)
    names()
    assert len(calls) == 3
    gone = grace.pk
    grace.delete()
    assert names() == ["Ada", "Kay"] and of(gone)() == []
    invalidate_all()
    assert client.dbsize() == 0


def main():
    port = int(sys.argv[1])
    for protocol in 2, 3:
        for scenario in registered, locks, leaky_bucket, libraries:
            run(scenario, port, protocol)
    for scenario in rate_limiters, pottery, walrus, cacheops:
        run(scenario, port, 3)


def run(scenario, port, protocol):
    with redis.Redis(port=port, protocol=protocol) as client:
        client.flushall()
        client.script_flush()
        scenario(client)
    print(f"scripts, RESP{protocol}: {scenario.__name__.replace('_', ' ')} as expected", flush=True)


if __name__ == "__main__":
    main()
