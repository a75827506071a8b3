"""Releases the locks of redis-py, which Kombu uses, by a transaction instead of a script. For servers without scripts."""

import redis.exceptions
import redis.lock


def do_release(self, expected_token):
    with self.redis.pipeline() as pipeline:
        pipeline.watch(self.name)
        if pipeline.get(self.name) != expected_token:
            raise redis.exceptions.LockNotOwnedError("the lock is no longer owned")
        pipeline.multi()
        pipeline.delete(self.name)
        pipeline.execute()


redis.lock.Lock.do_release = do_release
