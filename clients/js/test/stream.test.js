import assert from "node:assert/strict";
import { test } from "node:test";

import { connect } from "../src/index.js";
import { BOTH, FakeGateway, settled, VirtualTime } from "./support.js";

async function opened() {
  const time = new VirtualTime();
  const gateway = new FakeGateway(time);
  const stream = connect("ws://gateway.example/ws", { WebSocket: gateway.WebSocket, time });
  await settled();
  await gateway.welcome();
  return { time, gateway, stream };
}

/** A new connection in place of the one that ended. */
async function again(time, gateway) {
  await time.pass(250);
  await gateway.welcome();
}

const bare = (commands) => commands.map(({ id, ...rest }) => rest);

test("a subscription gets the snapshot and what follows, under the names that were asked for", async () => {
  const { gateway, stream } = await opened();
  const got = [];
  const subscription = stream.subscribe(["btc", "ETH"], ({ symbol, seq }) => got.push([symbol, seq]));
  await settled();
  gateway.answer({ btc: "BTCUSDT", ETH: "ETHUSDT" });
  gateway.say(gateway.tick("BTCUSDT", 2));
  gateway.say({ type: "ticks", ticks: [gateway.tick("ETHUSDT", 2), gateway.tick("SOLUSDT", 9)] });
  assert.deepEqual(got, [["BTCUSDT", 1], ["ETHUSDT", 1], ["BTCUSDT", 2], ["ETHUSDT", 2]]);
  assert.deepEqual(subscription.symbols, ["BTCUSDT", "ETHUSDT"]);
  assert.equal(stream.symbol("btc").last.seq, 2);
  assert.equal(subscription.symbol("ETH").state, "live");
});

test("many callers in one go are one command, and who comes and goes at once costs none", async () => {
  const { gateway, stream } = await opened();
  stream.subscribe(["BTCUSDT"], () => {}).unsubscribe();
  const first = stream.subscribe(["BTCUSDT"], () => {});
  const second = stream.subscribe(["BTCUSDT", "ETHUSDT"], () => {});
  await settled();
  assert.deepEqual(bare(gateway.socket.said.filter(({ type }) => type !== "ping")), [
    { type: "subscribe", symbols: ["BTCUSDT", "ETHUSDT"] },
  ]);
  gateway.answer(BOTH);
  first.unsubscribe();
  await settled();
  assert.deepEqual(gateway.heard(), []);
  second.unsubscribe();
  await settled();
  assert.deepEqual(bare(gateway.heard()), [{ type: "unsubscribe", symbols: ["BTCUSDT", "ETHUSDT"] }]);
});

test("who comes to a symbol that others hold gets its last price at once", async () => {
  const { gateway, stream } = await opened();
  stream.subscribe(["BTC"], () => {});
  await settled();
  gateway.answer(BOTH);
  gateway.say(gateway.tick("BTCUSDT", 7));
  const got = [];
  stream.subscribe(["BTCUSDT"], ({ seq }) => got.push(seq));
  await settled();
  gateway.answer(BOTH, { seq: 7 });
  gateway.say(gateway.tick("BTCUSDT", 8));
  assert.deepEqual(got, [7, 8]);
});

test("several paces on one connection: the gateway sends the fastest, and each caller gets its own", async () => {
  const { time, gateway, stream } = await opened();
  const [all, few] = [[], []];
  stream.subscribe(["BTCUSDT"], ({ seq }) => few.push(seq), { maxHz: 1 });
  await settled();
  gateway.answer(BOTH);
  const fast = stream.subscribe(["BTCUSDT"], ({ seq }) => all.push(seq));
  await settled();
  assert.deepEqual(bare(gateway.heard()), [{ type: "subscribe", symbols: ["BTCUSDT"], snapshot: false }]);
  for (let seq = 2; seq < 22; seq++) {
    await time.pass(100);
    gateway.say(gateway.tick("BTCUSDT", seq));
  }
  assert.deepEqual(all, Array.from({ length: 21 }, (_, index) => index + 1));
  assert.deepEqual(few, [1, 2, 11]);
  fast.unsubscribe();
  await settled();
  assert.deepEqual(bare(gateway.heard()), [{ type: "subscribe", symbols: ["BTCUSDT"], max_hz: 1, snapshot: false }]);
});

test("with batch a handler gets all ticks of a message together", async () => {
  const { gateway, stream } = await opened();
  const got = [];
  stream.subscribe(["*"], (ticks) => got.push(ticks.map(({ symbol, seq }) => `${symbol} ${seq}`)), { batch: true });
  await settled();
  assert.equal(gateway.socket.said.at(-1).batch, true);
  gateway.answer({ BTC: "BTCUSDT", ETH: "ETHUSDT" });
  gateway.say({ type: "ticks", ticks: [gateway.tick("BTCUSDT", 2), gateway.tick("ETHUSDT", 2)] });
  assert.deepEqual(got, [["BTCUSDT 1"], ["ETHUSDT 1"], ["BTCUSDT 2", "ETHUSDT 2"]]);
});

test("a loop gets prices, and leaving it unsubscribes", async () => {
  const { gateway, stream } = await opened();
  const loop = (async () => {
    const got = [];
    for await (const { seq } of stream.subscribe("BTCUSDT")) if (got.push(seq) === 2) return got;
  })();
  await settled();
  gateway.answer(BOTH);
  await settled();
  gateway.say(gateway.tick("BTCUSDT", 2));
  assert.deepEqual(await loop, [1, 2]);
  await settled();
  assert.equal(gateway.heard().at(-1).type, "unsubscribe");
});

test("a wrong name is told to its caller, and the good ones beside it work", async () => {
  const { gateway, stream } = await opened();
  const [got, errors] = [[], []];
  stream.subscribe(["BTC", "NOPE"], ({ symbol }) => got.push(symbol), { onError: (error) => errors.push(error) });
  await settled();
  const [{ id }] = gateway.heard();
  gateway.say({ type: "subscribed", symbols: ["BTCUSDT"], id });
  gateway.say({ type: "error", code: "unknown_symbol", message: "unknown symbol: 'NOPE'", id });
  gateway.say({ ...gateway.tick("BTCUSDT", 1), type: "snapshot" });
  assert.deepEqual(bare(gateway.heard()), [{ type: "symbols" }]);
  gateway.say({ type: "symbols", symbols: [{ symbol: "BTCUSDT", aliases: ["BTC"] }], id });
  assert.deepEqual(got, ["BTCUSDT"]);
  assert.deepEqual(errors, [{ code: "unknown_symbol", message: "unknown symbol: 'NOPE'", name: "NOPE", channel: "ticker" }]);
  stream.subscribe("NOPE", () => {}, { onError: ({ name }) => errors.push(name) });
  await settled();
  assert.deepEqual([errors.length, errors[1]], [2, "NOPE"]);
  assert.deepEqual(gateway.heard(), []);
});

test("a new connection gets everything again, by full names and with all options", async () => {
  const { time, gateway, stream } = await opened();
  const got = [];
  stream.subscribe(["BTC"], ({ seq }) => got.push(seq), { maxHz: 5 });
  await settled();
  gateway.answer(BOTH);
  await gateway.end();
  assert.match(stream.symbol("BTC").reason, /no connection: the connection was lost/);
  await again(time, gateway);
  assert.deepEqual(bare(gateway.socket.said.filter(({ type }) => type === "subscribe")), [
    { type: "subscribe", symbols: ["BTCUSDT"], max_hz: 5 },
  ]);
  assert.deepEqual(stream.symbol("BTC").state, "stale");
  gateway.answer(BOTH, { seq: 5 });
  assert.deepEqual([got, stream.symbol("BTC").state], [[1, 5], "live"]);
});

test("a gateway that is behind shows no older price again, and numbering that begins anew is followed", async () => {
  const { time, gateway, stream } = await opened();
  const got = [];
  stream.subscribe(["BTCUSDT"], ({ seq }) => got.push(seq));
  await settled();
  gateway.answer(BOTH, { seq: 1000 });
  const { us } = time;
  await gateway.end();
  await again(time, gateway);
  const [{ id }] = gateway.heard();
  gateway.say({ type: "subscribed", symbols: ["BTCUSDT"], id });
  gateway.say({ ...gateway.tick("BTCUSDT", 998, { recv_us: us - 5000 }), type: "snapshot" });
  gateway.say(gateway.tick("BTCUSDT", 999, { recv_us: us - 2000 }));
  gateway.say(gateway.tick("BTCUSDT", 1001));
  gateway.say(gateway.tick("BTCUSDT", 3, { recv_us: time.us + 1 }));
  assert.deepEqual(got, [1000, 1001, 3]);
});

test("who wants every tick goes on behind the last one, whatever happens to the connection", async () => {
  const { time, gateway, stream } = await opened();
  const [got, gaps] = [[], []];
  stream.subscribe(["BTC", "ETH"], ({ symbol, seq }) => got.push(`${symbol[0]}${seq}`), {
    conflate: false, onGap: (gap) => gaps.push(gap),
  });
  await settled();
  gateway.answer(BOTH, { seq: 10 });
  gateway.say(gateway.tick("BTCUSDT", 11));
  await gateway.end(4408);
  await again(time, gateway);
  assert.deepEqual(gateway.socket.said.at(-1).since, { BTCUSDT: 11, ETHUSDT: 10 });
  gateway.answer(BOTH);
  for (const seq of [12, 13]) gateway.say(gateway.tick("BTCUSDT", seq));
  gateway.say({ type: "gap", symbol: "ETHUSDT", from_seq: 11, to_seq: 19 });
  gateway.say({ ...gateway.tick("ETHUSDT", 20), type: "snapshot" });
  assert.deepEqual(got, ["B10", "E10", "B11", "B12", "B13", "E20"]);
  assert.deepEqual(gaps, [{ type: "gap", symbol: "ETHUSDT", from_seq: 11, to_seq: 19 }]);
});

test("a gateway that cannot resume is asked without, and what may be missing is said", async () => {
  const { time, gateway, stream } = await opened();
  const [got, gaps] = [[], []];
  stream.subscribe(["BTC"], ({ seq }) => got.push(seq), { conflate: false, onGap: ({ from_seq }) => gaps.push(from_seq) });
  await settled();
  gateway.answer(BOTH, { seq: 10 });
  await gateway.end();
  await again(time, gateway);
  const [{ id }] = gateway.heard();
  gateway.say({ type: "error", code: "bad_message", message: "since is unknown", id });
  assert.equal(gateway.socket.said.at(-1).since, undefined);
  gateway.answer(BOTH, { seq: 15 });
  assert.deepEqual([got, gaps], [[10, 15], [11]]);
});

test("another name for a symbol of which every tick comes breaks nothing", async () => {
  const { gateway, stream } = await opened();
  const [every, newest] = [[], []];
  stream.subscribe(["BTCUSDT"], ({ seq }) => every.push(seq), { conflate: false });
  await settled();
  gateway.answer(BOTH, { seq: 10 });
  gateway.say(gateway.tick("BTCUSDT", 11));
  stream.subscribe(["btcusdt"], () => {});
  stream.subscribe(["BTC"], ({ seq }) => newest.push(seq));
  await settled();
  assert.deepEqual(bare(gateway.socket.said.filter(({ type }) => type === "subscribe")), [
    { type: "subscribe", symbols: ["BTC"], conflate: false },
  ]);
  gateway.answer(BOTH, { seq: 13 });
  for (const seq of [12, 13, 14]) gateway.say(gateway.tick("BTCUSDT", seq));
  assert.deepEqual([every, newest], [[10, 11, 12, 13, 14], [11, 13, 14]]);
});

test("very many symbols are asked for in several commands, each short enough, and resumed so", async () => {
  const { time, gateway, stream } = await opened();
  const served = Object.fromEntries(Array.from({ length: 1200 }, (_, number) => [`S${number}USDT`, `S${number}USDT`]));
  stream.subscribe(Object.keys(served), () => {});
  stream.subscribe("*", () => {}, { conflate: false });
  await settled();
  gateway.answer(served); // all of them; what is named beside waits, and is held by then
  assert.deepEqual(bare(gateway.heard()), []);
  await gateway.end();
  await again(time, gateway);
  const commands = gateway.heard();
  assert.deepEqual(commands.map(({ symbols, since }) => [symbols.length, Object.keys(since).length]), [
    [500, 500], [500, 500], [200, 200],
  ]);
});

test("who begins to want every tick of a symbol that others hold begins with a snapshot", async () => {
  const { gateway, stream } = await opened();
  const [every, newest] = [[], []];
  stream.subscribe(["BTCUSDT"], ({ seq }) => newest.push(seq));
  await settled();
  gateway.answer(BOTH, { seq: 1 });
  stream.subscribe(["BTCUSDT"], ({ seq }) => every.push(seq), { conflate: false });
  await settled();
  const asked = gateway.socket.said.filter(({ type }) => type === "subscribe");
  assert.deepEqual(bare(asked), [{ type: "subscribe", symbols: ["BTCUSDT"], conflate: false }]);
  gateway.say(gateway.tick("BTCUSDT", 5)); // the gateway has not read that yet
  gateway.answer(BOTH, { seq: 8 });
  for (const seq of [9, 10]) gateway.say(gateway.tick("BTCUSDT", seq));
  assert.deepEqual([every, newest], [[8, 9, 10], [1, 5, 8, 9, 10]]);
});

test("states: of the venue, of the symbol and of the connection, each change told once", async () => {
  const { time, gateway, stream } = await opened();
  const told = [];
  stream.subscribe(["BTC"], () => {}, { onState: ({ symbol, state, reason }) => told.push(`${symbol} ${state} ${reason}`) });
  await settled();
  gateway.answer(BOTH);
  gateway.say({ type: "symbol_status", symbol: "BTCUSDT", state: "halted", reason: "BREAK", since_us: 5 });
  gateway.say({ type: "symbol_status", symbol: "BTCUSDT", state: "live", reason: "", since_us: 6 });
  for (const feed of ["stale", "stale", "live"]) {
    gateway.say({ type: "status", feed, reason: feed === "live" ? "" : "no bus", source: "x", since_us: 5, venue: "binance" });
  }
  await gateway.end();
  await again(time, gateway);
  gateway.answer(BOTH, { seq: 2 });
  assert.deepEqual(told, [
    "BTCUSDT stale no price yet", "BTCUSDT live ", "BTCUSDT halted BREAK", "BTCUSDT live ", "BTCUSDT stale no bus",
    "BTCUSDT live ", "BTCUSDT stale no connection: the connection was lost", "BTCUSDT stale connecting",
    "BTCUSDT stale no price yet", "BTCUSDT live ",
  ]);
});

test("a planned change of gateways shows no state but live", async () => {
  const { time, gateway, stream } = await opened();
  const told = [];
  for (const conflate of [true, false]) {
    stream.subscribe([conflate ? "BTC" : "ETH"], () => {}, { conflate, onState: ({ state }) => told.push(state) });
  }
  await settled();
  gateway.answer(BOTH);
  gateway.say({ type: "shutdown", reconnect_after_ms: 0 });
  await time.pass(0);
  await gateway.welcome();
  await time.pass(500);
  gateway.answer(BOTH, { seq: 2 });
  await time.pass(600);
  assert.deepEqual(told, ["stale", "live", "stale", "live"]);
});

test("a gateway that says goodbye and is followed by another at once was current to the end; else it is told soon", async () => {
  const { time, gateway, stream } = await opened();
  const told = [];
  stream.subscribe(["BTC"], () => {}, { onState: ({ state, reason }) => told.push(`${state} ${reason}`) });
  await settled();
  gateway.answer(BOTH);
  await time.pass(1500);
  await gateway.end(1012);
  await time.pass(500);
  await gateway.welcome();
  gateway.answer(BOTH, { seq: 2 });
  await time.pass(1500);
  assert.deepEqual(told, ["stale no price yet", "live "]);
  await gateway.end(1012);
  await time.pass(900);
  assert.equal(told.length, 2);
  await time.pass(300);
  assert.equal(told.at(-1), "stale connecting");
});

test("a planned change to a gateway that gives no prices is told within a second", async () => {
  const { time, gateway, stream } = await opened();
  stream.subscribe(["BTC"], () => {});
  await settled();
  gateway.answer(BOTH);
  gateway.say({ type: "shutdown", reconnect_after_ms: 0 });
  await time.pass(0);
  await gateway.welcome();
  assert.equal(stream.symbol("BTC").state, "live");
  await time.pass(1000);
  assert.equal(stream.symbol("BTC").state, "stale");
});

test("old ticks that come after resuming are called old", async () => {
  const { time, gateway, stream } = await opened();
  const told = [];
  stream.subscribe(["BTC"], () => {}, { conflate: false, onState: ({ state, reason }) => told.push(`${state} ${reason}`) });
  await settled();
  gateway.answer(BOTH, { seq: 1 });
  const { us } = time;
  await gateway.end();
  await time.pass(3000);
  await gateway.welcome();
  gateway.answer(BOTH);
  gateway.say(gateway.tick("BTCUSDT", 2, { recv_us: us + 1000 }));
  await time.pass(900);
  assert.equal(stream.symbol("BTC").reason, "catching up");
  gateway.say(gateway.tick("BTCUSDT", 3));
  assert.deepEqual(told.slice(-3), ["stale no price yet", "stale catching up", "live "]);
});

test("who resumes and has missed nothing is live soon", async () => {
  const { time, gateway, stream } = await opened();
  const told = [];
  stream.subscribe(["BTC"], () => {}, { conflate: false, onState: ({ state }) => told.push(state) });
  await settled();
  gateway.answer(BOTH, { seq: 1 });
  await gateway.end();
  await again(time, gateway);
  gateway.answer(BOTH);
  await time.pass(1200);
  assert.equal(told.at(-1), "live");
});

test("a command that was not read, for there were too many, is said again", async () => {
  const { time, gateway, stream } = await opened();
  const got = [];
  stream.subscribe(["BTC"], ({ seq }) => got.push(seq));
  await settled();
  gateway.heard();
  gateway.say({ type: "error", code: "rate_limited", message: "wait a moment" });
  await time.pass(1000);
  gateway.answer(BOTH);
  assert.deepEqual(got, [1]);
});

test("too many sets of options on the way from some to others are said anew", async () => {
  const { gateway, stream } = await opened();
  stream.subscribe(["BTCUSDT"], () => {});
  await settled();
  const [{ id }] = gateway.heard();
  gateway.say({ type: "error", code: "too_many_options", message: "four", id });
  assert.deepEqual(bare(gateway.heard()), [
    { type: "unsubscribe", symbols: ["*"] },
    { type: "subscribe", symbols: ["BTCUSDT"] },
  ]);
});

test("a symbol that the gateway stops serving is refused to its callers, and asked for on the next connection", async () => {
  const { time, gateway, stream } = await opened();
  const errors = [];
  stream.subscribe(["BTCUSDT", "ETHUSDT"], () => {}, { onError: ({ name }) => errors.push(name) });
  await settled();
  gateway.answer(BOTH);
  gateway.say({ type: "unsubscribed", symbols: ["ETHUSDT"] });
  assert.deepEqual(errors, ["ETHUSDT"]);
  assert.deepEqual(gateway.heard(), []);
  await gateway.end();
  await again(time, gateway);
  assert.deepEqual(gateway.heard().flatMap(({ symbols }) => symbols).sort(), ["BTCUSDT", "ETHUSDT"]);
});

test("another channel is asked for by name, and its messages come to those who asked", async () => {
  const { gateway, stream } = await opened();
  const [stats, ticks] = [[], []];
  stream.subscribe(["BTC"], ({ type, high }) => stats.push([type, high]), { channel: "stats" });
  stream.subscribe(["BTC"], ({ seq }) => ticks.push(seq));
  await settled();
  const asked = gateway.heard();
  assert.deepEqual(asked.map(({ channel }) => channel), ["stats", undefined]);
  for (const { id } of asked) gateway.say({ type: "subscribed", symbols: ["BTCUSDT"], id });
  gateway.say({ type: "stats", symbol: "BTCUSDT", high: "65002.10" });
  gateway.say({ type: "stats", symbol: "BTCUSDT", high: "65002.10" });
  gateway.say({ type: "stats_batch", stats: [{ symbol: "BTCUSDT", high: "65003.00" }, { symbol: "ETHUSDT", high: "1.00" }] });
  gateway.say(gateway.tick("BTCUSDT", 1));
  assert.deepEqual([stats, ticks], [[["stats", "65002.10"], ["stats", "65003.00"]], [1]]);
});

test("a handler that throws stops nobody else", async () => {
  const { gateway, stream } = await opened();
  const got = [];
  const reported = [];
  globalThis.reportError = ({ message }) => reported.push(message);
  stream.subscribe(["BTC"], () => {
    throw new Error("mine");
  });
  stream.subscribe(["BTC"], ({ seq }) => got.push(seq));
  await settled();
  gateway.answer(BOTH);
  delete globalThis.reportError;
  assert.deepEqual([reported, got], [["mine"], [1]]);
});

test("events: statuses, lag, and errors that belong to no subscription", async () => {
  const { gateway, stream } = await opened();
  const said = [];
  for (const event of ["status", "lag", "error"]) stream.on(event, (value) => said.push([event, value.code ?? value.type]));
  gateway.say({ type: "status", feed: "live", reason: "", source: "x", since_us: 1, venue: "binance" });
  gateway.say({ type: "lag", conflated: 3 });
  gateway.say({ type: "error", code: "too_many_errors", message: "100" });
  assert.deepEqual(said, [["status", "status"], ["lag", "lag"], ["error", "too_many_errors"]]);
  assert.throws(() => stream.on("tick", () => {}), /there is no event tick; there are state/);
});

test("the list of symbols is asked for, and read to its last part", async () => {
  const { time, gateway, stream } = await opened();
  const listing = stream.symbols();
  await gateway.end();
  await again(time, gateway);
  const [{ type, id }] = gateway.heard();
  assert.equal(type, "symbols");
  gateway.say({ type, id, symbols: [{ symbol: "A" }], more: true });
  gateway.say({ type, id, symbols: [{ symbol: "B" }] });
  assert.deepEqual(await listing, [{ symbol: "A" }, { symbol: "B" }]);
});
