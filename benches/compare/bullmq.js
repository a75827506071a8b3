// The load of `bullmq`: jobs that are added, and jobs that are processed by a worker that does nothing with them.
//
//     bullmq.js PORT JOBS
//
// Reads a line for each step, `prepare KIND` or `measure KIND`, and writes a line when it is done. Modules are found by NODE_PATH.
const readline = require("node:readline");
const Redis = require("ioredis");
const { Queue, Worker } = require("bullmq");

const connection = { host: "127.0.0.1", port: Number(process.argv[2]), maxRetriesPerRequest: null };
const jobs = [...Array(Number(process.argv[3])).keys()];
// As many jobs as programs add at once.
const AT_ONCE = 50;
const OPTIONS = { removeOnComplete: 1000, attempts: 3, backoff: { type: "exponential", delay: 1000 } };
const queue = new Queue("measured", { connection });
const client = new Redis(connection);
let worker = null;

const describe = (number, options) => ({ name: "mail", data: { to: `user-${number}@example.com`, template: "welcome", number }, opts: { ...OPTIONS, ...options } });

async function add(together, options) {
  for (let from = 0; from < jobs.length; from += AT_ONCE) {
    const described = jobs.slice(from, from + AT_ONCE).map((number) => describe(number, options));
    if (together) await queue.addBulk(described);
    else await Promise.all(described.map(({ name, data, opts }) => queue.add(name, data, opts)));
  }
}

// A worker that is connected, and begins when it is told.
async function prepareWorker(concurrency, options) {
  await add(true, options);
  worker = new Worker("measured", async () => "sent", { connection, concurrency, autorun: false });
  await worker.waitUntilReady();
}

function work() {
  return new Promise((resolve, reject) => {
    let left = jobs.length;
    worker.on("completed", () => --left || resolve());
    worker.on("failed", (_, error) => reject(error));
    worker.run().catch(reject);
  });
}

const KINDS = {
  "adding": [async () => {}, () => add(false)],
  "adding-bulk": [async () => {}, () => add(true)],
  "adding-delayed": [async () => {}, () => add(false, { delay: 3600000 })],
  "processing-1": [() => prepareWorker(1), work],
  "processing-50": [() => prepareWorker(50), work],
  "processing-prioritized": [() => prepareWorker(50, { priority: 5 }), work],
};

async function step(what, kind) {
  if (what === "measure") return KINDS[kind][1]();
  await worker?.close();
  worker = null;
  await client.flushall();
  // The queue says again what it is, and the first job makes its script known.
  await queue.waitUntilReady();
  await queue.add("first", {}, { removeOnComplete: true, delay: 1 }).then((job) => job.remove());
  await KINDS[kind][0]();
}

async function main() {
  await queue.waitUntilReady();
  console.log("ready");
  for await (const line of readline.createInterface({ input: process.stdin })) {
    await step(...line.split(" "));
    console.log("done");
  }
  process.exit(0);
}

main().catch((error) => { console.error(error); process.exit(1); });
