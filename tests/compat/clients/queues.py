"""Task queues that keep their jobs in Redis: Celery, Kombu and RQ. Each program is named by the first argument."""

import os
import pathlib
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

FOLDER = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))


def celery(port):
    """A worker of two processes runs tasks: at once, late, again after a failure, and as a group."""
    environment = {**os.environ, "PORT": str(port), "PYTHONPATH": str(FOLDER)}
    worker = subprocess.Popen(
        [sys.executable, "-m", "celery", "-A", "celery_tasks", "worker", "-c", "2", "-l", "ERROR", "--without-mingle"],
        env=environment, cwd=FOLDER,
    )
    try:
        os.environ.update(environment)
        from celery import chord, group

        from celery_tasks import add, add_all, fails_twice

        assert add.delay(1, 2).get(timeout=60) == 3
        sums = [add.delay(number, 1) for number in range(150)]
        again = [fails_twice.delay(f"attempts:{number}") for number in range(20)]
        due = datetime.now(timezone.utc) + timedelta(seconds=2)
        late = [add.apply_async((number, 2), eta=due) for number in range(20)]
        assert [each.get(timeout=60) for each in sums] == [number + 1 for number in range(150)]
        assert [each.get(timeout=60) for each in again] == [3] * 20
        assert [each.get(timeout=60) for each in late] == [number + 2 for number in range(20)]
        assert datetime.now(timezone.utc) >= due
        assert group(add.s(number, number) for number in range(10))().get(timeout=60) == [2 * n for n in range(10)]
        assert chord([add.s(number, 0) for number in range(10)], add_all.s())().get(timeout=60) == 45
        replies = add.app.control.ping(timeout=5)
        assert len(replies) == 1 and list(replies[0].values())[0] == {"ok": "pong"}, replies
    finally:
        worker.terminate()
        assert worker.wait(30) == 0


def kombu(port):
    """A simple queue, a fanout exchange with two queues, a topic exchange, and priorities."""
    from kombu import Connection, Consumer, Exchange, Producer, Queue

    with Connection(f"redis://127.0.0.1:{port}/1") as connection:
        simple = connection.SimpleQueue("simple")
        for number in range(100):
            simple.put({"number": number})
        assert simple.qsize() == 100
        received = [simple.get(block=True, timeout=10) for _ in range(100)]
        assert [message.payload["number"] for message in received] == list(range(100))
        received[0].requeue()
        [message.ack() for message in received[1:]]
        assert simple.get(block=True, timeout=10).payload == {"number": 0}
        simple.close()

        for kind, bound, key in [("fanout", "", ""), ("topic", "news.#", "news.today")]:
            exchange = Exchange(f"news-{kind}", type=kind)
            queues = [Queue(f"{kind}-{name}", exchange, routing_key=bound) for name in "ab"]
            heard = {queue.name: [] for queue in queues}

            consumers = []
            for queue in queues:
                consumer = Consumer(connection.channel(), [queue], accept=["json"])
                consumer.register_callback(lambda body, message, name=queue.name: (heard[name].append(body), message.ack()))
                consumer.consume()
                consumers.append(consumer)
            drain(connection, 0.5)
            producer = Producer(connection.channel(), exchange)
            for number in range(50):
                producer.publish({"number": number}, routing_key=key, declare=[exchange])
            deadline = time.monotonic() + 20
            while any(len(bodies) < 50 for bodies in heard.values()) and time.monotonic() < deadline:
                drain(connection, 0.2)
            assert all([body["number"] for body in bodies] == list(range(50)) for bodies in heard.values()), heard
            [consumer.cancel() for consumer in consumers]


def drain(connection, seconds):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            connection.drain_events(timeout=0.1)
        except TimeoutError:
            pass


def rq(port):
    """A worker runs jobs: at once, after another, again after a failure, and those that are due."""
    import redis
    from rq import Queue, Retry

    import rq_jobs

    client = redis.Redis(port=port, db=2)
    queue = Queue(connection=client)
    sums = [queue.enqueue(rq_jobs.add, number, 1) for number in range(50)]
    last = queue.enqueue(rq_jobs.add, 5, 6, depends_on=sums[-1])
    failing = queue.enqueue(rq_jobs.fails_once, port, retry=Retry(max=2))
    broken = queue.enqueue(rq_jobs.fails)
    late = queue.enqueue_in(timedelta(seconds=1), rq_jobs.add, 7, 8)
    worker = subprocess.Popen(
        [sys.executable, "-m", "rq.cli", "worker", "--url", f"redis://127.0.0.1:{port}/2", "--with-scheduler", "--quiet",
         "--worker-class", "rq.SimpleWorker"],
        cwd=FOLDER, env={**os.environ, "PYTHONPATH": str(FOLDER)},
    )
    try:
        jobs = [*sums, last, failing, late]
        deadline = time.monotonic() + 40
        while not all(job.get_status(refresh=True) == "finished" for job in jobs) and time.monotonic() < deadline:
            time.sleep(0.2)
        states = {str(job.get_status()) for job in jobs}
        assert all(job.get_status() == "finished" for job in jobs), states
        assert [job.result for job in jobs] == [*range(1, 51), 11, "again", 15]
        assert broken.get_status(refresh=True) == "failed"
        assert broken.id in queue.failed_job_registry and len(queue) == 0
    finally:
        worker.terminate()
        worker.wait(30)


def main():
    program, port = sys.argv[1], int(sys.argv[2])
    {"celery": celery, "kombu": kombu, "rq": rq}[program](port)
    print(f"{program}: as expected")


if __name__ == "__main__":
    main()
