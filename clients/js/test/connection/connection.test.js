import assert from "node:assert/strict";
import { test } from "node:test";

import { connect } from "../../src/index.js";
import { FakeGateway, settled, VirtualTime } from "../support.js";

function begin(options = {}) {
  const time = new VirtualTime();
  const gateway = new FakeGateway(time);
  const stream = connect("ws://gateway.example/ws", { WebSocket: gateway.WebSocket, time, ...options });
  const states = [];
  stream.on("state", ({ name, reason = "" }) => states.push(reason ? `${name}: ${reason}` : name));
  return { time, gateway, stream, states };
}

test("it connects again after any end, with a pause that grows, and says what happens", async () => {
  const { time, gateway, stream, states } = begin();
  await settled();
  for (const pauseMs of [250, 500, 1000]) {
    const attempt = gateway.sockets.length;
    await gateway.end(1006);
    assert.equal(stream.state.name, "waiting");
    assert.equal(stream.state.untilMs, time.nowMs() + pauseMs);
    await time.pass(pauseMs - 1);
    assert.equal(gateway.sockets.length, attempt);
    await time.pass(1);
    assert.equal(gateway.sockets.length, attempt + 1);
  }
  await gateway.welcome();
  assert.deepEqual(states.slice(-3), ["waiting: the connection was lost", "connecting", "open"]);
  stream.close();
  assert.equal(time.timers, 0);
});

test("a gateway learns which attempt it is, and what the caller has in the query stays", async () => {
  const time = new VirtualTime();
  const gateway = new FakeGateway(time);
  const urls = () => gateway.sockets.map(({ url }) => url);
  for (const query of ["", "?client=a%20b&signed=%2B/==", "?plain&", "?attempt=x", "#part", "?a=1#part"]) {
    gateway.sockets = [];
    const stream = connect(`ws://gateway.example/ws${query}`, { WebSocket: gateway.WebSocket, time });
    await settled();
    await gateway.end(1006); // before there was any
    await time.pass(500);
    await gateway.welcome();
    await gateway.end(1006);
    await time.pass(1000);
    await gateway.end(1006);
    await time.pass(4000);
    const [, own, part] = /^([^#]*)(.*)$/.exec(query);
    const between = own === "" ? "?" : own.endsWith("&") ? "" : "&";
    const numbered = [1, 1, 2].map((attempt) => `${own}${between}attempt=${attempt}${part}`);
    const expected = own.includes("attempt") ? [query, query, query, query] : [query, ...numbered];
    assert.deepEqual(urls(), expected.map((end) => `ws://gateway.example/ws${end}`));
    stream.close();
  }
});

test("a connection that lasted makes the next pause short again", async () => {
  const { time, gateway, stream } = begin();
  await settled();
  for (let attempt = 0; attempt < 5; attempt++) {
    await gateway.end(1006);
    await time.pass(10_000);
  }
  await gateway.welcome();
  for (let second = 0; second < 11; second++) {
    await time.pass(900);
    gateway.say({ type: "lag", conflated: 1 });
    await time.pass(100);
  }
  await gateway.end(1006);
  assert.equal(stream.state.untilMs, time.nowMs() + 250);
});

test("a gateway that is silent is asked, then its prices are old, then the connection is dead", async () => {
  const { time, gateway, stream, states } = begin();
  await settled();
  await gateway.welcome();
  const pings = () => gateway.sockets[0].said.filter(({ type }) => type === "ping");
  gateway.say({ type: "pong", id: "ping-1" });
  await time.pass(900);
  assert.equal(pings().length, 2); // for the clock
  await time.pass(100);
  assert.equal(pings().length, 3);
  gateway.say({ type: "lag", conflated: 1 });
  await time.pass(2750);
  assert.equal(stream.state.name, "silent");
  gateway.say({ type: "lag", conflated: 1 });
  assert.equal(stream.state.name, "open");
  await time.pass(5250);
  assert.equal(gateway.sockets[0].closed, true);
  assert.deepEqual(states.slice(0, 5), ["open", "silent", "open", "silent", "waiting: nothing came from the gateway any more"]);
});

test("a gateway that does not welcome is given up", async () => {
  const { time, gateway, stream } = begin();
  await time.pass(9_999);
  assert.equal(stream.state.name, "connecting");
  await time.pass(1);
  assert.match(stream.state.reason, /no answer/);
  assert.equal(gateway.socket.closed, true);
});

test("after shutdown it waits as long as it is told, and leaves when the next gateway is there", async () => {
  const { time, gateway, stream, states } = begin();
  await settled();
  await gateway.welcome();
  gateway.say({ type: "shutdown", reconnect_after_ms: 700 });
  await time.pass(699);
  assert.equal(gateway.sockets.length, 1);
  await time.pass(1);
  const [old, next] = gateway.sockets;
  assert.equal(old.closed, undefined);
  await gateway.end(1006, "", next); // the first one that it tries is not there
  await time.pass(250);
  await gateway.welcome();
  assert.equal(old.closed, true);
  assert.deepEqual(states, ["open", "open"]);
  assert.equal(stream.state.name, "open");
});

test("a gateway that goes away without a warning is left at once", async () => {
  const { time, gateway } = begin();
  await settled();
  await gateway.welcome();
  await time.pass(1500);
  await gateway.end(1012, "this gateway is going away");
  await time.pass(0);
  assert.equal(gateway.sockets.length, 2);
});

test("what another attempt cannot cure ends it, with the reason", async () => {
  for (const [code, reason] of [[1009, "too long"], [4401, "the token has expired"], [4403, "another subject's token"]]) {
    const { time, gateway, stream } = begin({ token: "abc" });
    await settled();
    await gateway.welcome();
    const loop = stream.subscribe("BTC")[Symbol.asyncIterator]();
    const ended = assert.rejects(loop.next(), new RegExp(reason));
    await gateway.end(code, reason);
    assert.deepEqual(stream.state, { name: "closed", code, reason });
    await ended;
    assert.equal(time.timers, 0);
    assert.throws(() => stream.subscribe("BTC"), new RegExp(reason));
  }
});

test("a token is shown first, and asked for at each connect", async () => {
  let asked = 0;
  const { time, gateway, stream } = begin({ token: async () => `token-${++asked}` });
  await settled();
  stream.subscribe(["BTC"], () => {});
  await gateway.welcome();
  assert.deepEqual(gateway.heard().map(({ type, token }) => token ?? type), ["token-1", "subscribe"]);
  await gateway.end(4401, "the token has expired");
  await time.pass(250);
  await gateway.welcome();
  assert.equal(gateway.heard()[0].token, "token-2");
});

test("a token is renewed before it expires, and not faster than once a second however short it lasts", async () => {
  let asked = 0;
  const { time, gateway } = begin({ token: () => `token-${++asked}` });
  await settled();
  await gateway.welcome();
  gateway.heard();
  gateway.say({ type: "expiring", expires_us: time.us + 30_000_000 });
  const alive = async (ms) => {
    for (let passed = 0; passed < ms; passed += 500) {
      gateway.say({ type: "lag", conflated: 0 });
      await time.pass(500);
    }
  };
  await alive(13_000);
  assert.deepEqual(gateway.heard(), []);
  await alive(1000);
  assert.deepEqual(gateway.heard(), [{ type: "auth", token: "token-2", id: "auth" }]);
  for (let again = 0; again < 20; again++) {
    gateway.say({ type: "expiring", expires_us: time.us + 1000 });
    await alive(500);
  }
  assert.ok(asked <= 2 + 10);
});

test("a token that cannot be had is asked for again", async () => {
  const answers = [new Error("the issuer is away"), "", "abc"];
  const { time, gateway, stream } = begin({
    token: () => {
      const answer = answers.shift();
      if (answer instanceof Error) throw answer;
      return answer;
    },
  });
  await settled();
  assert.match(stream.state.reason, /no token: the issuer is away/);
  await time.pass(250);
  assert.match(stream.state.reason, /did not return a token/);
  await time.pass(500);
  await gateway.welcome();
  assert.equal(gateway.heard()[0].token, "abc");
});

test("a token function that never answers does not stop it", async () => {
  const { time, stream } = begin({ token: () => new Promise(() => {}) });
  await time.pass(30_000);
  assert.match(stream.state.reason, /does not answer/);
});

test("what is no URL, and a runtime without WebSocket, are said at once with what to do", () => {
  assert.throws(() => connect("prices", { WebSocket: class {} }), /wss:\/\//);
  assert.throws(() => connect("ftp://a/ws", { WebSocket: class {} }), /wss:\/\//);
  if (globalThis.WebSocket === undefined) assert.throws(() => connect("ws://a/ws"), /npm install ws/);
  assert.throws(() => connect("ws://a/ws", { WebSocket: class {}, token: 5 }), /token/);
});

test("messages that nobody understands change nothing", async () => {
  const { gateway, stream } = begin();
  await settled();
  await gateway.welcome();
  for (const data of ["{", "null", "5", "[]", '{"type":"news"}', "{}", '{"type":"welcome"}']) gateway.socket.onmessage({ data });
  assert.equal(stream.state.name, "open");
});
