"""Task queues whose steps are scripts and functions: Dramatiq, streaQ and Huey. Workers are killed while they work, where the queue
promises that nothing is lost then.

    scripted_queues.py PROGRAM PORT
"""

import asyncio
import datetime
import logging
import random
import signal
import sys
import time

import redis

from processes import PATIENCE, Worker, tell, until

COUNT, DEATHS = 1200, 8


def dramatiq_app(port):
    import dramatiq
    from dramatiq.brokers.redis import RedisBroker
    from dramatiq.results import Results
    from dramatiq.results.backends import RedisBackend

    # What a worker had that is silent for a second is another's; each request looks for it.
    broker = RedisBroker(port=port, heartbeat_timeout=1000, maintenance_chance=1_000_000)
    broker.add_middleware(Results(backend=RedisBackend(port=port)))
    dramatiq.set_broker(broker)
    client = redis.Redis(port=port)

    @dramatiq.actor(store_results=True)
    def work(number):
        tell("begun", number)
        time.sleep(0.02)
        client.hincrby("done", number, 1)
        return 2 * number

    @dramatiq.actor(max_retries=5, min_backoff=20, max_backoff=40)
    def fails_twice(number):
        if client.hincrby("attempts", number, 1) < 3:
            raise RuntimeError("the first times")

    @dramatiq.actor(max_retries=0)
    def fails(number):
        raise RuntimeError("meant to fail")

    return broker, work, fails_twice, fails


def dramatiq_worker(port, _):
    import dramatiq

    logging.disable(logging.CRITICAL)
    broker, *_ = dramatiq_app(port)
    worker = dramatiq.Worker(broker, worker_threads=4, worker_timeout=50)
    worker.start()
    signal.pause()


def dramatiq(port, client):
    broker, work, fails_twice, fails = dramatiq_app(port)
    messages = [work.send(number) for number in range(COUNT)]
    late = [work.send_with_options(args=(number,), delay=500) for number in range(COUNT, COUNT + 20)]
    [fails_twice.send(number) for number in range(20)]
    fails.send(1)
    with_killed_workers("dramatiq-worker", port)
    last = [Worker(__file__, "dramatiq-worker", port, f"last-{number}") for number in range(2)]
    try:
        results = [message.get_result(block=True, timeout=PATIENCE * 1000) for message in messages + late]
        assert results == [2 * number for number in range(COUNT + 20)]
        until(lambda: [*client.hgetall("attempts").values()].count(b"3") == 20, "the third attempts")
        until(lambda: client.zcard("dramatiq:default.XQ") >= 1, "the dead letter")
        # Nothing is in a queue, and nothing with a worker.
        empty = lambda: not client.exists("dramatiq:default", "dramatiq:default.msgs", "dramatiq:default.DQ", "dramatiq:default.DQ.msgs") and not client.keys("dramatiq:__acks__*")
        until(empty, "the queues are empty")
    finally:
        [worker.end(signal.SIGKILL) for worker in last]
    assert {int(number) for number in client.hkeys("done")} == set(range(COUNT + 20))


def streaq_app(port):
    import streaq

    worker = streaq.Worker(redis_url=f"redis://127.0.0.1:{port}", concurrency=8, idle_timeout=1, queue_name="queue", priorities=["low", "high"])

    @worker.task(max_tries=None)
    async def work(number: int) -> int:
        tell("begun", number)
        await asyncio.sleep(0.02)
        await worker.redis.hincrby("done", str(number), 1)
        return 2 * number

    @worker.task(max_tries=5)
    async def fails_twice(number: int) -> int:
        if await worker.redis.hincrby("attempts", str(number), 1) < 3:
            raise streaq.StreaqRetry("the first times", delay=0.01)
        return number

    @worker.task
    async def fails(number: int) -> int:
        raise RuntimeError("meant to fail")

    return worker, work, fails_twice, fails


def streaq_worker(port, _):
    logging.disable(logging.CRITICAL)
    worker, *_ = streaq_app(port)
    asyncio.run(worker.run_async())


def streaq(port, client):
    asyncio.run(streaq_tasks(port, client))


async def streaq_tasks(port, client):
    worker, work, fails_twice, fails = streaq_app(port)
    async with worker:
        # The first worker makes the groups.
        first = Worker(__file__, "streaq-worker", port, "first")
        await asyncio.to_thread(until, lambda: client.exists("streaq:queue:queues:high") or client.keys("streaq:queue*"), "the worker begins")
        tasks = [await work.enqueue(number).start(priority=["low", "high"][number % 2]) for number in range(COUNT)]
        late = [await work.enqueue(number).start(delay=datetime.timedelta(milliseconds=500)) for number in range(COUNT, COUNT + 20)]
        # Some wait for others: three in a row, each with what the one before it returned.
        chains = [await work.enqueue(1000 + number).then(work).then(work) for number in range(10)]
        again = [await fails_twice.enqueue(number) for number in range(20)]
        broken = await fails.enqueue(1)
        orphan = await work.enqueue(1).start(after=broken.id)
        await asyncio.to_thread(with_killed_workers, "streaq-worker", port, [first])
        last = [Worker(__file__, "streaq-worker", port, f"last-{number}") for number in range(2)]
        try:
            assert await values_of(tasks + late) == [2 * number for number in range(COUNT + 20)]
            assert await values_of(chains) == [8 * (1000 + number) for number in range(10)]
            assert await values_of(again) == list(range(20))
            assert not any(outcome.success for outcome in await outcomes([broken, orphan]))
            assert await worker.queue_size() == 0
        finally:
            [each.end(signal.SIGKILL) for each in last]
    assert {int(number) for number in client.hkeys("done")} >= set(range(COUNT + 20))


async def outcomes(tasks):
    """Each is waited for by a connection of its own."""
    found = []
    for first in range(0, len(tasks), 50):
        found += await asyncio.gather(*[task.result(timeout=PATIENCE) for task in tasks[first:first + 50]])
    return found


async def values_of(tasks):
    return [outcome.result for outcome in await outcomes(tasks)]


def with_killed_workers(kind, port, workers=()):
    """Workers are killed one after another, each after it has begun some tasks."""
    workers = [*workers, *[Worker(__file__, kind, port, f"worker-{number}") for number in range(2)]]
    for death in range(DEATHS):
        workers.append(Worker(__file__, kind, port, f"later-{death}"))
        victim, tasks = workers.pop(0), random.randrange(5, 20)
        # The last of them may find little left to do.
        begun = time.monotonic()
        until(lambda: len(victim.lines) >= tasks or time.monotonic() > begun + 3, "it works")
        victim.end(signal.SIGKILL)
    [worker.end(signal.SIGKILL) for worker in workers]


def huey_app(port):
    import huey

    app = huey.PriorityRedisHuey("queue", port=port)
    client = redis.Redis(port=port)

    @app.task()
    def work(number):
        client.hincrby("done", number, 1)
        return 2 * number

    @app.task(retries=3, retry_delay=0)
    def fails_twice(number):
        if client.hincrby("attempts", number, 1) < 3:
            raise RuntimeError("the first times")
        return number

    @app.task()
    @app.lock_task("one at a time")
    def alone(number):
        client.rpush("alone", f"in {number}")
        time.sleep(0.002)
        client.rpush("alone", f"out {number}")

    return app, work, fails_twice, alone


def huey_worker(port, _):
    logging.disable(logging.CRITICAL)
    app, *_ = huey_app(port)
    tell("begun")
    app.create_consumer(workers=4, periodic=False, scheduler_interval=0.1, initial_delay=0.02).run()


def huey(port, client):
    app, work, fails_twice, alone = huey_app(port)
    results = [work.schedule((number,), delay=0.5) for number in range(100)] + [work(number, priority=number % 5) for number in range(100, 300)]
    [fails_twice(number) for number in range(20)]
    work(999).revoke()
    # Those that find the lock taken fail.
    [alone(number) for number in range(20)]
    # Two of them look at the schedule at once.
    workers = [Worker(__file__, "huey-worker", port, f"worker-{number}") for number in range(2)]
    try:
        assert [result(blocking=True, timeout=PATIENCE) for result in results] == [2 * number for number in range(300)]
        until(lambda: [*client.hgetall("attempts").values()].count(b"3") == 20, "the third attempts")
        until(lambda: app.pending_count() == 0 and app.scheduled_count() == 0, "the queue is empty")
    finally:
        # They end what they have begun.
        [worker.end(signal.SIGINT) for worker in workers]
    assert {int(number): int(times) for number, times in client.hgetall("done").items()} == {number: 1 for number in range(300)}
    steps = client.lrange("alone", 0, -1)
    assert steps and all(one.split()[1] == two.split()[1] for one, two in zip(steps[::2], steps[1::2])), steps


PROGRAMS = {"dramatiq": dramatiq, "streaq": streaq, "huey": huey}
WORKERS = {"dramatiq-worker": dramatiq_worker, "streaq-worker": streaq_worker, "huey-worker": huey_worker}

if __name__ == "__main__":
    program, port, *name = sys.argv[1:]
    if program in WORKERS:
        WORKERS[program](int(port), *name)
    else:
        random.seed(1)
        with redis.Redis(port=int(port)) as client:
            client.flushall()
            PROGRAMS[program](int(port), client)
        print(f"{program}: as expected")
