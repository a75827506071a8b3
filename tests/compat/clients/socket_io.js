// Two servers of socket.io that are joined by Redis: what one sends reaches the clients of the other.
const assert = require("assert");
const { createServer } = require("http");
const { createClient } = require("redis");
const { Server } = require("socket.io");
const { createAdapter } = require("@socket.io/redis-adapter");
const { io } = require("socket.io-client");

async function node(port) {
  const publisher = createClient({ url: `redis://127.0.0.1:${port}` });
  const subscriber = publisher.duplicate();
  await Promise.all([publisher.connect(), subscriber.connect()]);
  const http = createServer();
  const server = new Server(http, { adapter: createAdapter(publisher, subscriber) });
  server.on("connection", (socket) => socket.on("join", (room, done) => { socket.join(room); done(); }));
  await new Promise((listening) => http.listen(0, "127.0.0.1", listening));
  const client = io(`http://127.0.0.1:${http.address().port}`, { transports: ["websocket"] });
  const heard = [];
  client.onAny((...event) => heard.push(event));
  await new Promise((connected) => client.on("connect", connected));
  return { server, client, heard, publisher, subscriber };
}

async function until(condition) {
  const end = Date.now() + 10000;
  while (!condition()) {
    assert(Date.now() < end, "it takes too long");
    await new Promise((later) => setTimeout(later, 10));
  }
}

async function main(port) {
  const [one, two] = await Promise.all([node(port), node(port)]);
  for (let number = 0; number < 100; number++) one.server.emit("to all", number, Buffer.from([0, 255, number]));
  await until(() => one.heard.length === 100 && two.heard.length === 100);
  assert.deepStrictEqual(two.heard.map(([, number]) => number), [...Array(100).keys()]);
  assert.deepStrictEqual([...two.heard[7][2]], [0, 255, 7]);
  await new Promise((joined) => two.client.emit("join", "room", joined));
  one.server.to("room").emit("to the room");
  await until(() => two.heard.length === 101);
  assert.strictEqual(one.heard.length, 100);
  // Requests to the other servers, with their answers.
  assert.strictEqual((await one.server.fetchSockets()).length, 2);
  assert.strictEqual((await one.server.in("room").fetchSockets())[0].id, two.client.id);
  two.server.on("question", (answer) => answer("an answer"));
  assert.deepStrictEqual(await one.server.serverSideEmitWithAck("question"), ["an answer"]);
  one.server.in("room").disconnectSockets();
  await until(() => two.client.disconnected);
  for (const { server, client, publisher, subscriber } of [one, two]) {
    client.close();
    await server.close();
    publisher.destroy();
    subscriber.destroy();
  }
}

main(process.argv[2]).then(() => { console.log("socket.io: as expected"); process.exit(0); }, (error) => { console.error(error); process.exit(1); });
