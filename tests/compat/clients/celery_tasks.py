"""The tasks of the Celery worker."""

import os

import celery
import redis

URL = f"redis://127.0.0.1:{os.environ['PORT']}/0"
app = celery.Celery("tasks", broker=URL, backend=URL)


@app.task
def add(one, other):
    return one + other


@app.task
def add_all(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=5)
def fails_twice(self, key):
    attempts = redis.Redis.from_url(URL).incr(key)
    if attempts < 3:
        raise self.retry(countdown=0.2)
    return attempts
