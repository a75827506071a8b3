// Locks, rate limiters and scripts of one's own: redlock, rate-limiter-flexible, the store of express-rate-limit, and commands that
// ioredis defines. The same in RESP3 and RESP2.
const assert = require("node:assert/strict");
const { once } = require("node:events");
const { setTimeout: after } = require("node:timers/promises");
const express = require("express");
const { rateLimit } = require("express-rate-limit");
const Redis = require("ioredis");
const { RedisStore } = require("rate-limit-redis");
const { RateLimiterRedis, RateLimiterQueue, BurstyRateLimiter } = require("rate-limiter-flexible");
const Redlock = require("redlock");

// Three databases stand for the three servers that a majority is taken of.
async function redlock(client) {
  const servers = [1, 2, 3].map((db) => client.duplicate({ db }));
  const locks = new Redlock(servers, { retryCount: 10000, retryDelay: 5, retryJitter: 5 });
  locks.on("clientError", (error) => { throw error; });
  const add = async () => {
    const lock = await locks.lock("lock:counter", 30000);
    const before = Number(await client.get("counter"));
    await after(1);
    await client.set("counter", before + 1);
    await lock.unlock();
  };
  await Promise.all([...Array(60)].map(add));
  assert.equal(await client.get("counter"), "60");
  assert.equal(await servers[0].exists("lock:counter"), 0);

  const impatient = new Redlock(servers, { retryCount: 0 });
  const both = await impatient.lock(["lock:a", "lock:b"], 30000);
  await assert.rejects(impatient.lock(["lock:b", "lock:c"], 30000), Redlock.LockError);
  await until(async () => (await servers[0].exists("lock:c")) === 0, "what was got in part is given back");
  await both.extend(60000);
  assert(await servers[1].pttl("lock:a") > 30000);
  await both.unlock();
  await assert.rejects(both.unlock(), Redlock.LockError);
  // One server alone holds the lock for another: there is a majority without it.
  await servers[0].set("lock:a", "another");
  await (await impatient.lock("lock:a", 30000)).unlock();
  assert.equal(await servers[0].get("lock:a"), "another");
  // A lock that has expired is the next one's, and is not released by the first.
  const short = await impatient.lock("lock:short", 20);
  await after(40);
  const next = await impatient.lock("lock:short", 30000);
  await assert.rejects(short.unlock(), Redlock.LockError);
  await next.unlock();
  for (const server of servers) server.disconnect();
}

async function rateLimiterFlexible(client) {
  const limiter = new RateLimiterRedis({ storeClient: client, keyPrefix: "flexible", points: 5, duration: 60, blockDuration: 120 });
  const left = [];
  for (let step = 0; step < 5; step++) left.push((await limiter.consume("ada")).remainingPoints);
  assert.deepEqual(left, [4, 3, 2, 1, 0]);
  assert.equal((await limiter.consume("grace", 3)).isFirstInDuration, true);
  const refused = await limiter.consume("ada").catch((result) => result);
  assert.deepEqual([refused.consumedPoints, refused.remainingPoints], [6, 0]);
  assert(refused.msBeforeNext > 110000 && refused.msBeforeNext <= 120000, "blocked for longer");
  assert.equal((await limiter.get("grace")).consumedPoints, 3);
  assert.equal((await limiter.penalty("grace", 2)).remainingPoints, 0);
  assert.equal((await limiter.reward("grace", 4)).consumedPoints, 1);
  assert.equal(await limiter.get("nobody"), null);
  assert.equal(await limiter.delete("ada"), true);
  assert.equal((await limiter.consume("ada")).consumedPoints, 1);

  // Of many at once exactly as many pass as may, and the server may forget the script meanwhile.
  const together = new RateLimiterRedis({ storeClient: client, keyPrefix: "together", points: 50, duration: 60 });
  const answers = [...Array(200)].map((_, number) => {
    if (number === 100) client.script("FLUSH");
    return together.consume("all").then(() => true, (result) => { if (result instanceof Error) throw result; return false; });
  });
  assert.equal((await Promise.all(answers)).filter(Boolean).length, 50);

  const burst = new RateLimiterRedis({ storeClient: client, keyPrefix: "burst", points: 3, duration: 60 });
  const bursty = new BurstyRateLimiter(new RateLimiterRedis({ storeClient: client, keyPrefix: "usual", points: 2, duration: 60 }), burst);
  const passed = [];
  for (let step = 0; step < 7; step++) passed.push(await bursty.consume("ada").then(() => true, () => false));
  assert.deepEqual(passed, [true, true, true, true, true, false, false]);

  const queue = new RateLimiterQueue(new RateLimiterRedis({ storeClient: client, keyPrefix: "queue", points: 2, duration: 1 }));
  const begun = Date.now();
  for (let step = 0; step < 5; step++) await queue.removeTokens(1);
  assert(Date.now() - begun >= 1000, "the third window begins after two seconds at most, and one at least");
}

async function expressRateLimit(client) {
  const app = express();
  const store = new RedisStore({ sendCommand: (...words) => client.call(...words), prefix: "express:" });
  const options = { windowMs: 60000, limit: 5, standardHeaders: "draft-7", legacyHeaders: false, keyGenerator: (request) => request.query.user };
  app.use(rateLimit({ ...options, store }));
  app.get("/", (request, response) => response.send("welcome"));
  const server = app.listen(0, "127.0.0.1");
  await once(server, "listening");
  const ask = (user) => fetch(`http://127.0.0.1:${server.address().port}/?user=${user}`, { headers: { connection: "close" } });
  const states = [];
  for (let step = 0; step < 7; step++) {
    if (step === 3) await client.script("FLUSH");
    const answer = await ask("ada");
    states.push(`${answer.status} ${/remaining=(\d+)/.exec(answer.headers.get("ratelimit"))[1]}`);
  }
  assert.deepEqual(states, ["200 4", "200 3", "200 2", "200 1", "200 0", "429 0", "429 0"]);
  assert.equal((await ask("grace")).status, 200);
  const { totalHits, resetTime } = await store.get("ada");
  assert.equal(totalHits, 7);
  assert(resetTime.getTime() > Date.now() + 50000);
  await store.decrement("grace");
  assert.equal((await store.get("grace")).totalHits, 0);
  await store.resetKey("ada");
  assert.equal((await ask("ada")).status, 200);
  const together = await Promise.all([...Array(20)].map(() => ask("together")));
  assert.equal(together.filter((answer) => answer.status === 200).length, 5);
  server.close();
}

async function ownCommands(client) {
  client.defineCommand("moveUp", { numberOfKeys: 2, lua: "local up = redis.call('RPOPLPUSH', KEYS[1], KEYS[2]) if up then return {ok = up} end return redis.error_reply('EMPTY ' .. KEYS[1] .. ' has none')" });
  await client.rpush("from", "one", "two");
  assert.deepEqual([await client.moveUp("from", "to"), await client.moveUp("from", "to")], ["two", "one"]);
  await assert.rejects(client.moveUp("from", "to"), { message: "EMPTY from has none" });

  client.defineCommand("echo", { lua: "return {KEYS, ARGV, #KEYS, #ARGV}" });
  const bytes = Buffer.from([...Array(256).keys()]);
  const [keys, words, ...counts] = await client.echoBuffer(1, bytes, bytes, "", "naïve");
  assert(keys[0].equals(bytes) && words[0].equals(bytes) && words[1].length === 0);
  assert.deepEqual(counts, [1, 3]);
  assert.deepEqual(await client.echo(0), [[], [], 0, 0]);

  // What Lua has becomes what the protocol has.
  const answers = {
    "return 3.99": 3, "return -3.99": -3, "return '3.99'": "3.99", "return true": 1, "return false": null, "return nil": null,
    "return {1, 2, nil, 4}": [1, 2], "return {1, {2, {3, {}}}, 'x'}": [1, [2, [3, []]], "x"], "return {a = 1}": [],
    "return redis.status_reply('FINE')": "FINE", "return tostring(1e15)": "1e+15", "return tostring(2^53)": "9.007199254741e+15",
    "return 0.1 + 0.2 == 0.3": null, "return redis.call('SET', 'k', 101)": "OK", "return redis.call('GET', 'k') + 1": 102,
    "return type(redis.call('GET', 'none'))": "boolean", "return redis.call('TYPE', 'k')['ok']": "string",
    "return redis.call('INCRBYFLOAT', 'k', 1.5)": "102.5", "return cjson.encode({101, 1.5, 'x', false, {}})": '[101,1.5,"x",false,{}]',
    "return redis.sha1hex('')": "da39a3ee5e6b4b0d3255bfef95601890afd80709", "return redis.pcall('NONE').err ~= nil": 1,
    "return #redis.call('KEYS', '*') > 0": 1, "return math.floor(redis.call('TIME')[1]) > 1700000000": 1,
  };
  for (const [script, expected] of Object.entries(answers)) assert.deepEqual(await client.eval(script, 0), expected, script);
  await assert.rejects(client.eval("return redis.call('INCR', KEYS[1])", 1, "to"), /WRONGTYPE Operation against a key/);
  await assert.rejects(client.eval("return redis.call('NONE')", 0), /Unknown (Redis )?command called from script/);
  await assert.rejects(client.eval("x = 1", 0), /global variable 'x'|readonly table/);
  await assert.rejects(client.eval("return {", 0), /compiling script/i);
  await assert.rejects(client.evalsha("f".repeat(40), 0), /NOSCRIPT No matching script\./);
  await assert.rejects(client.call("EVAL_RO", "return redis.call('SET', KEYS[1], 1)", 1, "k"), /Write commands are not allowed from read-only scripts/);

  // In pipelines and transactions, also when the server has forgotten the script.
  client.defineCommand("bump", { numberOfKeys: 1, lua: "return redis.call('HINCRBY', KEYS[1], 'n', ARGV[1])" });
  const pipeline = () => { const all = client.pipeline(); for (let step = 0; step < 100; step++) all.bump("bumped", 1); return all.exec(); };
  const last = async () => (await pipeline()).at(-1);
  assert.deepEqual(await last(), [null, 100]);
  await client.script("FLUSH");
  assert.deepEqual(await last(), [null, 200]);
  await client.echo(0);
  assert.deepEqual(await client.multi().bump("bumped", 1).echo(0).bump("bumped", 1).exec(), [[null, 201], [null, [[], [], 0, 0]], [null, 202]]);

  const sha = await client.script("LOAD", "return ARGV[1]");
  assert.deepEqual(await client.script("EXISTS", sha, "0".repeat(40)), [1, 0]);
  assert.equal(await client.evalsha(sha, 0, "loaded"), "loaded");
  assert.equal(await client.call("EVALSHA_RO", sha.toUpperCase(), 0, "read"), "read");

  await client.call("FUNCTION", "LOAD", "REPLACE", "#!lua name=own\nredis.register_function('add', function(keys, words) return redis.call('INCRBY', keys[1], words[1]) end)\nredis.register_function{function_name='look', callback=function(keys) return redis.call('GET', keys[1]) end, flags={'no-writes'}}");
  assert.equal(await client.call("FCALL", "add", 1, "sum", 41), 41);
  assert.equal(await client.call("FCALL", "add", 1, "sum", 1), 42);
  assert.equal(await client.call("FCALL_RO", "look", 1, "sum"), "42");
  await assert.rejects(client.call("FCALL_RO", "add", 1, "sum", 1), /Can not execute a script with write flag using \*_ro command/);
  await assert.rejects(client.call("FCALL", "none", 0), /Function not found/);
}

async function until(condition, what) {
  const end = Date.now() + 10000;
  while (!(await condition())) {
    assert(Date.now() < end, `it takes too long: ${what}`);
    await after(10);
  }
}

async function main(port) {
  for (const protocol of [3, 2]) {
    const client = new Redis({ host: "127.0.0.1", port, protocol });
    for (const scenario of [redlock, rateLimiterFlexible, expressRateLimit, ownCommands]) {
      await client.flushall();
      await client.script("FLUSH");
      await scenario(client);
      const name = scenario.name.replace(/[A-Z]/g, (letter) => " " + letter.toLowerCase());
      console.log(`locks and limits, RESP${protocol}: ${name} passed`);
    }
    client.disconnect();
  }
}

main(Number(process.argv[2])).then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
