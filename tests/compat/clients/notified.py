"""What redis-py is told by the server: changes of cached keys, and sessions that expire."""

import sys
import time

import redis
from redis.cache import CacheConfig


# redis-py wants Redis 7.4, and this server says that it is 7.2, as Valkey does.
redis.connection.CacheProxyConnection.MIN_ALLOWED_VERSION = "7.2.0"


def cache(port):
    """A client that caches sees what another has written."""
    with redis.Redis(port=port, protocol=3, decode_responses=True, cache_config=CacheConfig()) as cached:
        with redis.Redis(port=port, decode_responses=True) as other:
            other.mset({"cached:one": 1, "cached:two": 2})
            other.hset("cached:hash", "field", "old")
            assert [cached.get("cached:one"), cached.get("cached:two")] == ["1", "2"]
            assert cached.hget("cached:hash", "field") == "old"
            assert cached.get_cache().size == 3
            for number in range(100):
                other.set("cached:one", number)
                becomes(lambda: cached.get("cached:one"), str(number))
            other.hset("cached:hash", "field", "new")
            becomes(lambda: cached.hget("cached:hash", "field"), "new")
            other.rename("cached:two", "cached:three")
            becomes(lambda: cached.get("cached:two"), None)
            other.set("cached:short", 1, px=50)
            assert cached.get("cached:short") == "1"
            becomes(lambda: cached.get("cached:short"), None)
            cached.get("cached:one")
            other.flushall()
            becomes(lambda: cached.get("cached:one"), None)


def sessions(port):
    """A session store learns of the sessions that expire, as that of Spring does."""
    with redis.Redis(port=port, decode_responses=True) as client:
        client.config_set("notify-keyspace-events", "Egx")
        assert set(client.config_get("notify-keyspace-events")["notify-keyspace-events"]) == set("Egx")
        listener = client.pubsub(ignore_subscribe_messages=True)
        listener.psubscribe("__keyevent@*__:expired")
        listener.subscribe("__keyevent@0__:del")
        listener.get_message(timeout=1)
        listener.get_message(timeout=1)
        for number in range(200):
            client.hset(f"session:{number}", mapping={"user": number})
            client.set(f"session:expires:{number}", "", px=100 + number)
        client.delete("session:expires:0")
        ended = {"expired": [], "del": []}
        deadline = time.monotonic() + 20
        while len(ended["expired"]) < 199 and time.monotonic() < deadline:
            message = listener.get_message(timeout=0.5)
            if message:
                ended[message["channel"].rpartition(":")[2]].append(message["data"])
        assert ended["del"] == ["session:expires:0"], ended["del"]
        assert sorted(ended["expired"]) == sorted(f"session:expires:{number}" for number in range(1, 200)), ended
        assert client.exists("session:1") == 1
        listener.close()


def becomes(read, expected):
    deadline = time.monotonic() + 5
    while (value := read()) != expected:
        assert time.monotonic() < deadline, f"{value} instead of {expected}"
        time.sleep(0.005)


if __name__ == "__main__":
    for program in cache, sessions:
        program(int(sys.argv[1]))
        print(f"redis-py, {program.__name__}: as expected")
