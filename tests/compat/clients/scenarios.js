// What programs do with Redis, through ioredis.

const assert = require("node:assert/strict");
const Redis = require("ioredis");
const { version } = require("ioredis/package.json");

async function sessionStore(client) {
  const logIn = (session, user) =>
    client
      .multi()
      .hset(`session:${session}`, { user, visits: 0, theme: "dark" })
      .expire(`session:${session}`, 1800)
      .sadd(`sessions:${user}`, session)
      .exec();
  assert.deepEqual(await logIn("one", "ada"), [[null, 3], [null, 1], [null, 1]]);
  await logIn("two", "ada");
  assert.equal(await client.hincrby("session:one", "visits", 1), 1);
  assert.deepEqual(await client.hgetall("session:one"), { user: "ada", visits: "1", theme: "dark" });
  assert.deepEqual(await client.hmget("session:one", "user", "nothing"), ["ada", null]);
  assert.deepEqual(await client.hgetall("session:none"), {});
  assert.ok((await client.ttl("session:one")) > 1790);
  const found = [];
  for await (const keys of client.scanStream({ match: "session:*", count: 1 })) found.push(...keys);
  assert.deepEqual(new Set(found), new Set(["session:one", "session:two"]));
  await client.pexpire("session:two", 1);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.equal(await client.exists("session:two"), 0);
  assert.equal(await client.srem("sessions:ada", "two"), 1);
  assert.deepEqual(await client.smembers("sessions:ada"), ["one"]);
}

async function cacheWithTags(client) {
  const pipeline = client.pipeline();
  for (let number = 0; number < 300; number++) {
    pipeline.set(`cache:${number}`, "x".repeat(number), "EX", 60);
    pipeline.sadd("tag:pages", `cache:${number}`).sadd(number % 2 ? "tag:odd" : "tag:even", `cache:${number}`);
  }
  assert.ok((await pipeline.exec()).every(([error]) => error === null));
  assert.equal(await client.scard("tag:pages"), 300);
  assert.equal((await client.sinter("tag:pages", "tag:odd")).length, 150);
  const members = [];
  for await (const page of client.sscanStream("tag:pages")) members.push(...page);
  assert.equal(new Set(members).size, 300);
  const keys = await client.sunion("tag:odd", "tag:none");
  assert.equal(await client.unlink(...keys, "tag:odd"), 151);
  assert.deepEqual(await client.mget("cache:1", "cache:2"), [null, "xx"]);
  assert.deepEqual(await client.smismember("tag:pages", "cache:1", "none"), [1, 0]);
}

async function rateLimiter(client) {
  const allowed = async (user, now, limit = 5, window = 10) => {
    const key = `rate:${user}`;
    const replies = await client
      .multi()
      .zremrangebyscore(key, "-inf", now - window)
      .zcard(key)
      .zadd(key, now, `${now}`)
      .expire(key, window)
      .exec();
    const count = replies[1][1];
    if (count >= limit) await client.zrem(key, `${now}`);
    return count < limit;
  };
  const answers = [];
  for (let step = 0; step < 7; step++) answers.push(await allowed("ada", 1000 + step));
  assert.deepEqual(answers, [true, true, true, true, true, false, false]);
  assert.ok(await allowed("grace", 1000.5));
  assert.ok(!(await allowed("ada", 1009.5)));
  assert.ok(await allowed("ada", 1010.5));
  assert.equal(await client.zcount("rate:ada", "(1002", "+inf"), 3);
}

async function leaderboard(client) {
  const players = Array.from({ length: 500 }, (_, number) => [number, `player:${number}`]);
  assert.equal(await client.zadd("board", ...players.flat()), 500);
  assert.equal(await client.zincrby("board", 1000.5, "player:7"), "1007.5");
  assert.deepEqual(await client.zrevrange("board", 0, 1, "WITHSCORES"), ["player:7", "1007.5", "player:499", "499"]);
  assert.equal(await client.zrevrank("board", "player:7"), 0);
  assert.equal(await client.zscore("board", "nobody"), null);
  assert.deepEqual(await client.zrangebyscore("board", 100, "+inf", "LIMIT", 1, 2), ["player:101", "player:102"]);
  await client.zadd("week", 5000, "player:1");
  assert.equal(await client.zunionstore("total", 2, "board", "week", "WEIGHTS", 1, 0.5), 500);
  assert.equal(await client.zscore("total", "player:1"), "2501");
  assert.deepEqual(await client.zpopmax("total"), ["player:1", "2501"]);
  assert.equal(await client.zremrangebyrank("board", 0, -11), 490);
}

async function workQueue(client) {
  for (let number = 0; number < 100; number++) await client.rpush("jobs", `job:${number}`);
  const done = [];
  for (let job; (job = await client.lmove("jobs", "working", "LEFT", "RIGHT")) !== null; ) {
    if (job === "job:50") continue; // The worker crashed.
    done.push(job);
    assert.equal(await client.lrem("working", 1, job), 1);
  }
  assert.equal(done.length, 99);
  assert.deepEqual(await client.lrange("working", 0, -1), ["job:50"]);
  assert.equal(await client.rpoplpush("working", "jobs"), "job:50");
  assert.equal(await client.exists("working"), 0);
  assert.deepEqual(await client.lpop("jobs", 5), ["job:50"]);
  assert.equal(await client.lpop("jobs"), null);
  await client.rpush("jobs", 0, 1, 2, 3);
  assert.equal(await client.lpos("jobs", 2), 2);
  assert.deepEqual(await client.lmpop(2, "none", "jobs", "RIGHT", "COUNT", 2), ["jobs", ["3", "2"]]);
}

async function main() {
  const client = new Redis(Number(process.argv[2]));
  for (const scenario of [sessionStore, cacheWithTags, rateLimiter, leaderboard, workQueue]) {
    await client.flushall();
    await scenario(client);
    const name = scenario.name.replace(/[A-Z]/g, (letter) => " " + letter.toLowerCase());
    console.log(`ioredis ${version}: ${name} passed`);
  }
  client.disconnect();
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
