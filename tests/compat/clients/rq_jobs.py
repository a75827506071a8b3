"""The jobs of the RQ worker."""

import redis


def add(one, other):
    return one + other


def fails():
    raise RuntimeError("meant to fail")


def fails_once(port):
    if redis.Redis(port=port).incr("rq:attempts") == 1:
        raise RuntimeError("the first time")
    return "again"
