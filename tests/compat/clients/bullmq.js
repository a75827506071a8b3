// Queues of BullMQ, whose every step is a script: jobs in order, late, again, by priority and in flows; limits, schedulers, events; and
// workers that are killed half-way. The same in RESP3 and RESP2.
const assert = require("node:assert/strict");
const { fork } = require("node:child_process");
const { once } = require("node:events");
const { setTimeout: after } = require("node:timers/promises");
const Redis = require("ioredis");
const { Queue, Worker, QueueEvents, FlowProducer, UnrecoverableError } = require("bullmq");
const { version } = require("bullmq/package.json");

const PATIENCE = 60000;
const NUMBERS = [...Array(200).keys()];

// A queue with its events, and all that is opened beside it and closed at the end.
class Bench {
  constructor(connection, name) {
    this.connection = connection;
    this.name = name;
    this.opened = [];
    this.queue = this.open(new Queue(name, { connection }));
    // From the start of the stream: what happens before the first read is told as well.
    this.events = this.open(new QueueEvents(name, { connection, lastEventId: "0-0", blockingTimeout: 200 }));
    this.client = new Redis(connection);
  }

  open(one) {
    one.on("error", (error) => { throw error; });
    one.setMaxListeners(0);
    this.opened.push(one);
    return one;
  }

  worker(work, options = {}) {
    return this.open(new Worker(this.name, work, { connection: this.connection, drainDelay: 1, ...options }));
  }

  finished(jobs) {
    return Promise.all(jobs.map((job) => job.waitUntilFinished(this.events, PATIENCE)));
  }

  async counts(expected) {
    const none = { wait: 0, active: 0, completed: 0, failed: 0, delayed: 0, prioritized: 0, "waiting-children": 0 };
    assert.deepEqual(await this.queue.getJobCounts(...Object.keys(none)), { ...none, ...expected });
  }

  async close() {
    // Workers first: what they still do needs the rest.
    for (const one of this.opened.reverse()) await one.close();
    this.client.disconnect();
  }
}

async function until(condition, what) {
  const end = Date.now() + PATIENCE;
  while (!(await condition())) {
    assert(Date.now() < end, `it takes too long: ${what}`);
    await after(10);
  }
}

async function inOrder(bench) {
  const jobs = await bench.queue.addBulk(NUMBERS.map((number) => ({ name: "double", data: { number } })));
  assert.equal(new Set(jobs.map((job) => job.id)).size, 200);
  await bench.counts({ wait: 200 });
  assert.deepEqual((await bench.queue.getJobs("wait", 0, 2, true)).map((job) => job.data.number), [0, 1, 2]);
  // Scripts that the server has forgotten are sent again.
  await bench.client.script("FLUSH");
  const met = [];
  bench.worker(async (job) => { met.push(job.data.number); return { doubled: 2 * job.data.number }; });
  assert.deepEqual(await bench.finished(jobs), NUMBERS.map((number) => ({ doubled: 2 * number })));
  assert.deepEqual(met, NUMBERS);
  await bench.counts({ completed: 200 });
  assert.equal(await jobs[7].getState(), "completed");
  assert.deepEqual((await bench.queue.getCompleted(0, 2)).map((job) => job.data.number), [199, 198, 197]);
}

async function payloads(bench) {
  const odd = { nothing: null, zero: "\u0000\r\n", letters: "naïve 猫 🦀", long: "x".repeat(300000), deep: [[[[{}]]]], float: 0.1 + 0.2, large: 2 ** 53 };
  bench.worker(async (job) => {
    for (let step = 1; step <= 5; step++) await job.updateProgress({ step, of: 5 });
    for (const line of ["first", "second", "third"]) await job.log(line);
    await job.updateData({ ...job.data, seen: true });
    return job.data;
  });
  const progress = [];
  bench.events.on("progress", ({ data }) => progress.push(data.step));
  const job = await bench.queue.add("odd", odd, { keepLogs: 2 });
  assert.deepEqual(await job.waitUntilFinished(bench.events, PATIENCE), { ...odd, seen: true });
  assert.deepEqual((await bench.queue.getJob(job.id)).data, { ...odd, seen: true });
  assert.deepEqual(await bench.queue.getJobLogs(job.id), { logs: ["second", "third"], count: 2 });
  assert.deepEqual(progress, [1, 2, 3, 4, 5]);
  await assert.rejects(bench.queue.add("large", "x".repeat(2000), { sizeLimit: 1000 }), /exceeds the limit/);
}

async function delays(bench) {
  const met = [];
  bench.worker(async (job) => { met.push(job.data); assert(Date.now() >= job.timestamp + job.delay - 1, "too early"); });
  const jobs = [];
  for (const delay of [500, 100, 400, 200, 300]) jobs.push(await bench.queue.add("late", delay, { delay }));
  const never = await bench.queue.add("late", "promoted", { delay: 3600000 });
  const moved = await bench.queue.add("late", "moved", { delay: 3600000 });
  assert.equal(await never.getState(), "delayed");
  await never.promote();
  await bench.finished([...jobs, never]);
  await moved.changeDelay(1);
  await bench.finished([moved]);
  assert.deepEqual(met, ["promoted", 100, 200, 300, 400, 500, "moved"]);
  await bench.counts({ completed: 7 });
}

async function retries(bench) {
  bench.worker(
    async (job) => {
      const { failures, fatal } = job.data;
      if (fatal) throw new UnrecoverableError("not again");
      if (job.attemptsMade < failures) throw new Error(`attempt ${job.attemptsMade + 1}`);
      return job.attemptsMade;
    },
    { concurrency: 10 },
  );
  const exhausted = [];
  bench.events.on("retries-exhausted", ({ jobId }) => exhausted.push(jobId));
  const backoffs = [undefined, 20, { type: "fixed", delay: 20 }, { type: "exponential", delay: 10 }];
  const jobs = [];
  for (const backoff of backoffs) jobs.push(await bench.queue.add("fails", { failures: 3 }, { attempts: 4, backoff }));
  assert.deepEqual(await bench.finished(jobs), [3, 3, 3, 3]);
  const slow = await bench.queue.getJob(jobs[3].id);
  assert(slow.processedOn >= slow.timestamp + 10 + 20 + 40 - 3, "the backoff grows");

  const hopeless = await bench.queue.add("fails", { failures: 9 }, { attempts: 3, backoff: 5 });
  await assert.rejects(hopeless.waitUntilFinished(bench.events, PATIENCE), /attempt 3/);
  const fatal = await bench.queue.add("fails", { fatal: true }, { attempts: 5 });
  await assert.rejects(fatal.waitUntilFinished(bench.events, PATIENCE), /not again/);
  const failed = await bench.queue.getJob(hopeless.id);
  assert.deepEqual([failed.failedReason, failed.attemptsMade, failed.stacktrace.length], ["attempt 3", 3, 3]);
  assert.equal((await bench.queue.getJob(fatal.id)).attemptsMade, 1);
  await bench.counts({ completed: 4, failed: 2 });
  await until(() => exhausted.length === 1, "retries-exhausted");
  assert.deepEqual(exhausted, [hopeless.id]);

  // What has failed is put back by hand.
  await failed.updateData({ failures: 0 });
  await failed.retry();
  await until(() => failed.isCompleted(), "retry");
  await bench.counts({ completed: 5, failed: 1 });
}

async function priorities(bench) {
  const met = [];
  await bench.queue.pause();
  const jobs = [];
  for (let number = 0; number < 60; number++) {
    jobs.push(await bench.queue.add("ranked", { number }, { priority: 1 + ((number * 7) % 12) }));
  }
  jobs.push(await bench.queue.add("ranked", { number: 60 }), await bench.queue.add("ranked", { number: 61 }, { lifo: true }));
  await jobs[0].changePriority({ priority: 20 });
  assert.deepEqual(await bench.queue.getCountsPerPriority([1, 2, 20, 30]), { 1: 4, 2: 5, 20: 1, 30: 0 });
  assert.equal(await bench.queue.isPaused(), true);
  bench.worker(async (job) => { met.push(job.data.number); });
  await bench.queue.resume();
  await bench.finished(jobs);
  const rank = (number) => (number === 0 ? 20 : number < 60 ? 1 + ((number * 7) % 12) : 0);
  const expected = [61, 60, ...[...Array(60).keys()].sort((one, other) => rank(one) - rank(other) || one - other)];
  assert.deepEqual(met, expected);
}

async function flows(bench) {
  const producer = bench.open(new FlowProducer({ connection: bench.connection }));
  const leaf = (number, options) => ({ name: "leaf", queueName: bench.name, data: { number }, opts: options });
  const branch = (number) => ({ name: "branch", queueName: bench.name, data: { number }, children: [leaf(number), leaf(number + 1)] });
  bench.worker(
    async (job) => {
      if (job.data.number < 0) throw new Error("a broken leaf");
      const below = Object.values(await job.getChildrenValues());
      return below.reduce((sum, value) => sum + value, job.data.number);
    },
    { concurrency: 4 },
  );
  await bench.queue.pause();
  const tree = await producer.add({ name: "root", queueName: bench.name, data: { number: 1000 }, children: [branch(1), branch(10), branch(100)] });
  assert.equal(await tree.job.getState(), "waiting-children");
  await bench.counts({ wait: 6, "waiting-children": 4 });
  const seen = await producer.getFlow({ id: tree.job.id, queueName: bench.name });
  assert.deepEqual(seen.children.map((child) => child.children.length), [2, 2, 2]);
  await bench.queue.resume();
  // Each branch is its number, and that and the next of its leaves.
  assert.equal(await tree.job.waitUntilFinished(bench.events, PATIENCE), 1000 + 4 + 31 + 301);
  await bench.counts({ completed: 10 });

  const doomed = await producer.add({ name: "root", queueName: bench.name, data: { number: 1 }, children: [leaf(2), leaf(-1, { failParentOnFailure: true })] });
  await assert.rejects(doomed.job.waitUntilFinished(bench.events, PATIENCE), /failed/);
  const lenient = await producer.add({ name: "root", queueName: bench.name, data: { number: 1 }, children: [leaf(2), leaf(-1, { ignoreDependencyOnFailure: true })] });
  assert.equal(await lenient.job.waitUntilFinished(bench.events, PATIENCE), 3);
  assert.deepEqual(Object.values(await lenient.job.getIgnoredChildrenFailures()), ["a broken leaf"]);
  await bench.counts({ completed: 13, failed: 3 });
}

async function limits(bench) {
  const started = [];
  const most = { running: 0, at_once: 0 };
  await bench.queue.setGlobalConcurrency(3);
  const work = async () => {
    started.push(Date.now());
    most.at_once = Math.max(most.at_once, ++most.running);
    await after(5);
    most.running--;
  };
  const options = { concurrency: 10, limiter: { max: 5, duration: 400 } };
  bench.worker(work, options);
  bench.worker(work, options);
  const jobs = await bench.queue.addBulk(NUMBERS.slice(0, 20).map((data) => ({ name: "limited", data })));
  await bench.finished(jobs);
  // Twenty are four windows, of which the last begins three after the first.
  assert(started[15] - started[0] >= 3 * 400 - 50, `${started[15] - started[0]} ms for 15 jobs of 5 in 400 ms`);
  assert(most.at_once <= 3, `${most.at_once} at once`);
  await bench.counts({ completed: 20 });
}

async function schedulers(bench) {
  const met = [];
  bench.worker(async (job) => { met.push(job.name); });
  await bench.queue.upsertJobScheduler("ticks", { every: 50, limit: 6 }, { name: "tick", data: { of: "ticks" } });
  await bench.queue.upsertJobScheduler("seconds", { pattern: "* * * * * *" }, { name: "second" });
  await bench.queue.upsertJobScheduler("never", { pattern: "0 0 1 1 *" }, { name: "new year" });
  assert.equal(await bench.queue.getJobSchedulersCount(), 3);
  const all = await bench.queue.getJobSchedulers();
  assert.deepEqual(all.map((one) => one.key).sort(), ["never", "seconds", "ticks"]);
  assert.equal((await bench.queue.getJobScheduler("never")).pattern, "0 0 1 1 *");
  const count = (name) => met.filter((one) => one === name).length;
  await until(() => count("tick") === 6 && count("second") >= 2, "the ticks");
  assert.equal(await bench.queue.removeJobScheduler("seconds"), true);
  assert.equal(await bench.queue.removeJobScheduler("none"), false);
  await after(300);
  assert.equal(count("tick"), 6);
  assert.equal(count("new year"), 0);
  await bench.queue.removeJobScheduler("never");
  await bench.queue.removeJobScheduler("ticks");
  assert.equal(await bench.queue.getJobSchedulersCount(), 0);
}

async function duplicates(bench) {
  const deduplication = { id: "only" };
  const first = await bench.queue.add("unique", 1, { deduplication });
  assert.equal((await bench.queue.add("unique", 2, { deduplication })).id, first.id);
  assert.equal(await bench.queue.getDeduplicationJobId("only"), first.id);
  const named = await bench.queue.add("named", 1, { jobId: "mine" });
  assert.equal((await bench.queue.add("named", 2, { jobId: "mine" })).id, named.id);
  await bench.counts({ wait: 2 });
  bench.worker(async (job) => job.data);
  assert.deepEqual(await bench.finished([first, named]), [1, 1]);
  const next = await bench.queue.add("unique", 3, { deduplication });
  assert.notEqual(next.id, first.id);
  assert.equal(await next.waitUntilFinished(bench.events, PATIENCE), 3);
  // Two that come within the time are one.
  const short = { id: "short", ttl: 60000 };
  const one = await bench.queue.add("unique", 4, { deduplication: short });
  await bench.finished([one]);
  assert.equal((await bench.queue.add("unique", 5, { deduplication: short })).id, one.id);
}

async function events(bench) {
  const told = [];
  for (const name of ["added", "waiting", "active", "completed", "failed", "delayed"]) {
    bench.events.on(name, ({ jobId }, id) => told.push({ name, jobId, id }));
  }
  bench.worker(async (job) => { if (job.data === "fail") throw new Error("meant to"); return job.data; });
  const good = await bench.queue.add("told", "good");
  await bench.finished([good]);
  const bad = await bench.queue.add("told", "fail", { delay: 30 });
  await assert.rejects(bad.waitUntilFinished(bench.events, PATIENCE), /meant to/);
  const of = (job) => told.filter((event) => event.jobId === job.id).map((event) => event.name);
  await until(() => of(bad).includes("failed"), "failed");
  assert.deepEqual(of(good), ["added", "waiting", "active", "completed"]);
  assert.deepEqual(of(bad), ["added", "delayed", "waiting", "active", "failed"]);
  const order = (id) => id.split("-").map((part) => part.padStart(20, "0")).join("-");
  const ids = told.map((event) => order(event.id));
  assert.deepEqual(ids, [...ids].sort());
  assert.equal(new Set(ids).size, ids.length);

  // One that comes later is told the same; the stream is cut short afterwards.
  const again = [];
  const late = bench.open(new QueueEvents(bench.name, { connection: bench.connection, lastEventId: "0-0", blockingTimeout: 200 }));
  late.on("completed", ({ jobId }) => again.push(jobId));
  late.on("failed", ({ jobId }) => again.push(jobId));
  await until(() => again.length === 2, "those of the past");
  assert.deepEqual(again, [good.id, bad.id]);
  await bench.queue.addBulk(NUMBERS.map((number) => ({ name: "told", data: number, opts: { delay: 3600000 } })));
  await bench.queue.trimEvents(100);
  const length = await bench.client.xlen(`bull:${bench.name}:events`);
  assert(length >= 100 && length < 300, `${length} events after XTRIM MAXLEN ~ 100`);
}

async function cleaning(bench) {
  await bench.queue.addBulk(NUMBERS.map((number) => ({ name: "kept", data: number, opts: { removeOnComplete: 50, removeOnFail: { count: 10 } } })));
  const worker = bench.worker(async (job) => { if (job.data % 4 === 3) throw new Error("a quarter"); }, { concurrency: 8 });
  await until(async () => (await bench.queue.getJobCountByTypes("wait", "active")) === 0, "all are done");
  await bench.counts({ completed: 50, failed: 10 });
  await worker.close();
  await bench.queue.retryJobs({ state: "failed" });
  await bench.counts({ completed: 50, wait: 10 });
  assert.equal((await bench.queue.clean(0, 20, "completed")).length, 20);
  await bench.queue.drain();
  await bench.counts({ completed: 30 });
  const jobs = await bench.queue.addBulk(NUMBERS.map((number) => ({ name: "late", data: number, opts: { delay: 3600000 } })));
  await jobs[3].remove();
  await bench.counts({ completed: 30, delayed: 199 });
  await bench.queue.promoteJobs({ count: 50 });
  await until(async () => (await bench.queue.getDelayedCount()) === 0, "promotion");
  await bench.queue.obliterate({ force: true });
  assert.deepEqual(await bench.client.keys(`bull:${bench.name}:*`), []);
}

// A job of a worker that is gone goes to another; where it may not, it fails.
async function stalled(bench) {
  for (const maxStalledCount of [1, 0]) {
    const job = await bench.queue.add("stalls", { endless: true });
    const gone = await startWorker(bench, { stuck: true });
    await gone.isHalfWay;
    gone.process.kill("SIGKILL");
    await once(gone.process, "exit");
    const told = once(bench.events, "stalled");
    const worker = bench.worker(async () => "done by another", { stalledInterval: 100, maxStalledCount });
    const ended = job.waitUntilFinished(bench.events, PATIENCE);
    if (maxStalledCount) {
      assert.equal(await ended, "done by another");
      assert.equal((await told)[0].jobId, job.id);
    } else {
      await assert.rejects(ended, /stalled more than allowable limit/);
    }
    await worker.close();
  }
  await bench.counts({ completed: 1, failed: 1 });
}

// Workers are killed one after another, each while it is in the middle of a job: none is lost, and each ends once.
async function killed(bench) {
  const ended = [];
  bench.events.on("completed", ({ jobId }) => ended.push(jobId));
  const back = new Set();
  bench.events.on("stalled", ({ jobId }) => back.add(jobId));
  const jobs = [];
  for (let number = 0; number < 300; number++) {
    const options = [{}, { priority: 1 + (number % 5) }, { delay: number }, { attempts: 3, backoff: 10 }][number % 4];
    jobs.push(await bench.queue.add("work", { number, failures: options.attempts ? 1 : 0 }, options));
  }
  const left = [];
  for (let death = 0; death < 12; death++) {
    const worker = await startWorker(bench, { stuckAt: 2 + death });
    left.push(await worker.isHalfWay);
    worker.process.kill("SIGKILL");
    await once(worker.process, "exit");
  }
  const last = await Promise.all([startWorker(bench, {}), startWorker(bench, {})]);
  await bench.finished(jobs);
  await until(() => ended.length >= jobs.length, "the events");
  await bench.counts({ completed: jobs.length });
  assert.deepEqual([...ended].sort(), jobs.map((job) => job.id).sort());
  assert(left.every((id) => back.has(id)), "each job that was left half-way has come back");
  for (const job of jobs) assert.equal((await bench.queue.getJob(job.id)).returnvalue, 2 * job.data.number);
  const done = await bench.client.smembers("done");
  assert.equal(done.length, jobs.length);
  for (const { process } of last) {
    process.send("close");
    assert.deepEqual(await once(process, "exit"), [0, null]);
  }
}

// A worker in a process of its own. Is half-way when a job has begun that never ends.
async function startWorker(bench, options) {
  const worker = fork(__filename, ["worker", JSON.stringify({ ...options, name: bench.name, connection: bench.connection })]);
  const isHalfWay = new Promise((resolve) => worker.on("message", ({ halfWay }) => halfWay && resolve(halfWay)));
  const [{ ready }] = await once(worker, "message");
  assert(ready);
  return { process: worker, isHalfWay };
}

async function beWorker({ name, connection, stuck, stuckAt }) {
  const client = new Redis(connection);
  let begun = 0;
  const work = async (job) => {
    begun++;
    if (stuck || begun === stuckAt) {
      process.send({ halfWay: job.id });
      await new Promise(() => {});
    }
    if (job.attemptsMade < job.data.failures) throw new Error("once more");
    await after(2);
    await client.sadd("done", job.id);
    return 2 * job.data.number;
  };
  const options = { connection, concurrency: 5, lockDuration: 1000, stalledInterval: 200, maxStalledCount: 1000, drainDelay: 1, autorun: false };
  const worker = new Worker(name, work, options);
  worker.on("error", () => {});
  await worker.waitUntilReady();
  process.on("disconnect", () => process.exit());
  process.on("message", async () => { await worker.close(); client.disconnect(); process.disconnect(); });
  process.send({ ready: true });
  await worker.run();
}

const SCENARIOS = [inOrder, payloads, delays, retries, priorities, flows, limits, schedulers, duplicates, events, cleaning, stalled, killed];

async function main(port) {
  for (const protocol of [3, 2]) {
    const connection = { host: "127.0.0.1", port, protocol, maxRetriesPerRequest: null };
    for (const scenario of SCENARIOS) {
      const client = new Redis(connection);
      await client.flushall();
      client.disconnect();
      const bench = new Bench(connection, `${scenario.name}-${protocol}`);
      await bench.events.waitUntilReady();
      await scenario(bench);
      await bench.close();
      const name = scenario.name.replace(/[A-Z]/g, (letter) => " " + letter.toLowerCase());
      console.log(`BullMQ ${version}, RESP${protocol}: ${name} passed`);
    }
  }
}

const [, , first, options] = process.argv;
const run = first === "worker" ? beWorker(JSON.parse(options)) : main(Number(first)).then(() => process.exit(0));
run.catch((error) => { console.error(error); process.exit(1); });
