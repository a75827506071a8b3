"""What programs do with Redis, through redis-py, in RESP2 and RESP3."""

import sys
import time

import redis


def session_store(client):
    def log_in(session, user):
        with client.pipeline() as pipeline:
            pipeline.hset(f"session:{session}", mapping={"user": user, "visits": 0, "theme": "dark"})
            pipeline.expire(f"session:{session}", 1800)
            pipeline.sadd(f"sessions:{user}", session)
            pipeline.execute()

    log_in("one", "ada")
    log_in("two", "ada")
    assert client.hincrby("session:one", "visits", 1) == 1
    assert client.hgetall("session:one") == {"user": "ada", "visits": "1", "theme": "dark"}
    assert client.hmget("session:one", "user", "nothing") == ["ada", None]
    assert 1790 <= client.ttl("session:one") <= 1800
    assert client.hdel("session:one", "theme") == 1
    assert not client.hexists("session:one", "theme")
    assert client.hgetall("session:none") == {}
    assert set(client.scan_iter("session:*", count=1)) == {"session:one", "session:two"}
    assert client.smembers("sessions:ada") == {"one", "two"}
    client.pexpire("session:two", 1)
    time.sleep(0.01)
    assert not client.exists("session:two")
    sessions = client.smembers("sessions:ada")
    assert client.srem("sessions:ada", *[each for each in sessions if not client.exists(f"session:{each}")]) == 1
    assert client.smembers("sessions:ada") == {"one"}


def cache_with_tags(client):
    def put(key, value, *tags):
        with client.pipeline(transaction=True) as pipeline:
            pipeline.set(f"cache:{key}", value, ex=60)
            for tag in tags:
                pipeline.sadd(f"tag:{tag}", f"cache:{key}")
            pipeline.execute()

    def invalidate(*tags):
        keys = client.sunion([f"tag:{tag}" for tag in tags])
        return client.unlink(*keys, *[f"tag:{tag}" for tag in tags]) if keys else 0

    for number in range(300):
        put(f"page:{number}", "x" * number, "pages", "even" if number % 2 == 0 else "odd")
    assert client.mget("cache:page:1", "cache:page:2", "cache:none") == ["x", "xx", None]
    assert client.scard("tag:even") == 150
    assert client.sinter("tag:pages", "tag:odd") == {f"cache:page:{number}" for number in range(1, 300, 2)}
    assert client.sdiffstore("tag:rest", "tag:pages", "tag:odd") == 150
    assert len(set(client.sscan_iter("tag:pages"))) == 300
    assert invalidate("odd") == 151
    assert client.get("cache:page:1") is None and client.get("cache:page:2") == "xx"
    assert invalidate("none") == 0
    assert client.smismember("tag:pages", ["cache:page:1", "cache:none"]) == [1, 0]


def rate_limiter(client):
    def allowed(user, now, limit=5, window=10):
        key = f"rate:{user}"
        with client.pipeline(transaction=True) as pipeline:
            pipeline.zremrangebyscore(key, "-inf", now - window)
            pipeline.zcard(key)
            pipeline.zadd(key, {f"{now}": now})
            pipeline.expire(key, window)
            _, count, *_ = pipeline.execute()
        if count >= limit:
            client.zrem(key, f"{now}")
        return count < limit

    assert [allowed("ada", 1000 + step) for step in range(7)] == [True] * 5 + [False] * 2
    assert allowed("grace", 1000.5)
    assert not allowed("ada", 1009.5)
    assert allowed("ada", 1010.5) and allowed("ada", 1011.25)
    assert client.zrange("rate:ada", 0, -1, withscores=True)[-1] == one_score(client, "1011.25", 1011.25)
    assert client.zcount("rate:ada", "(1002", "+inf") == 4
    assert 0 < client.ttl("rate:ada") <= 10


def leaderboard(client):
    client.zadd("board", {f"player:{number}": number for number in range(500)})
    assert client.zincrby("board", 1000.5, "player:7") == 1007.5
    assert client.zrevrange("board", 0, 1) == ["player:7", "player:499"]
    assert client.zrevrange("board", 0, 0, withscores=True) == [one_score(client, "player:7", 1007.5)]
    assert client.zrevrank("board", "player:7") == 0 and client.zrank("board", "player:6") == 6
    assert client.zscore("board", "nobody") is None and client.zrank("board", "nobody") is None
    assert client.zadd("board", {"player:7": 3}, gt=True) == 0 and client.zscore("board", "player:7") == 1007.5
    assert client.zrange("board", 10, 12, byscore=True) == ["player:10", "player:11", "player:12"]
    assert client.zrangebyscore("board", 100, "+inf", start=1, num=2) == ["player:101", "player:102"]
    client.zadd("last week", {"player:1": 5000, "player:2": 1})
    assert client.zunionstore("total", {"board": 1, "last week": 0.5}) == 500
    assert client.zscore("total", "player:1") == 2501.0
    assert client.zinter(["board", "last week"]) == ["player:2", "player:1"]
    assert client.zremrangebyrank("board", 0, -11) == 490 and client.zcard("board") == 10
    assert len(dict(client.zscan_iter("total"))) == 500
    assert client.zpopmax("total", 1) == [one_score(client, "player:1", 2501.0)]


def work_queue(client):
    for number in range(100):
        client.rpush("jobs", f"job:{number}")
    assert client.llen("jobs") == 100
    done = []
    while (job := client.lmove("jobs", "working", "LEFT", "RIGHT")) is not None:
        if job == "job:50":
            continue  # The worker crashed.
        done.append(job)
        assert client.lrem("working", 1, job) == 1
    assert done == [f"job:{number}" for number in range(100) if number != 50]
    assert client.lrange("working", 0, -1) == ["job:50"]
    assert client.rpoplpush("working", "jobs") == "job:50" and not client.exists("working")
    assert client.lpop("jobs") == "job:50" and client.lpop("jobs") is None
    client.rpush("jobs", *range(10))
    assert client.lpos("jobs", "4") == 4
    assert client.linsert("jobs", "BEFORE", "5", "urgent") == 11 and client.lindex("jobs", 5) == "urgent"
    assert client.lpop("jobs", 3) == ["0", "1", "2"]
    assert client.ltrim("jobs", -2, -1) and client.lrange("jobs", 0, -1) == ["8", "9"]
    assert client.lmpop(2, "none", "jobs", direction="RIGHT", count=5) == ["jobs", ["9", "8"]]


def one_score(client, member, score):
    """A member with its score: a pair in RESP3, as it comes, and in RESP2, as the client makes it."""
    return [member, score] if client.protocol == 3 else (member, score)


def main():
    for protocol in 2, 3:
        client = redis.Redis(port=int(sys.argv[1]), decode_responses=True, protocol=protocol)
        client.protocol = protocol
        for scenario in session_store, cache_with_tags, rate_limiter, leaderboard, work_queue:
            client.flushall()
            scenario(client)
            print(f"redis-py {redis.__version__}, RESP{protocol}: {scenario.__name__.replace('_', ' ')} passed")


if __name__ == "__main__":
    main()
