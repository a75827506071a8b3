// The cache of node-redis is told what others change.
const assert = require("assert");
const { createClient, BasicClientSideCache } = require("redis");

async function becomes(read, expected) {
  const end = Date.now() + 5000;
  let value;
  while ((value = await read()) !== expected) {
    assert(Date.now() < end, `${value} instead of ${expected}`);
    await new Promise((later) => setTimeout(later, 5));
  }
}

async function main(port) {
  const cache = new BasicClientSideCache({ ttl: 0, maxEntries: 0, evictPolicy: "LRU" });
  const cached = createClient({ url: `redis://127.0.0.1:${port}`, RESP: 3, clientSideCache: cache });
  const other = createClient({ url: `redis://127.0.0.1:${port}` });
  await Promise.all([cached.connect(), other.connect()]);
  await other.set("cached", "0");
  for (let number = 1; number <= 100; number++) {
    await cached.get("cached");
    await other.set("cached", `${number}`);
    await becomes(() => cached.get("cached"), `${number}`);
  }
  const hits = cache.stats().hitCount;
  for (let time = 0; time < 10; time++) assert.strictEqual(await cached.get("cached"), "100");
  assert(cache.stats().hitCount >= hits + 9, "the cache is used");
  await other.hSet("cached:hash", "field", "old");
  assert.strictEqual(await cached.hGet("cached:hash", "field"), "old");
  await other.hSet("cached:hash", "field", "new");
  await becomes(() => cached.hGet("cached:hash", "field"), "new");
  await other.set("cached:short", "1", { expiration: { type: "PX", value: 50 } });
  assert.strictEqual(await cached.get("cached:short"), "1");
  await becomes(() => cached.get("cached:short"), null);
  await cached.get("cached");
  await other.flushAll();
  await becomes(() => cached.get("cached"), null);
  cached.destroy();
  other.destroy();
}

main(process.argv[2]).then(() => console.log("node-redis, cache: as expected"), (error) => { console.error(error); process.exit(1); });
