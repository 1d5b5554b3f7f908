import assert from "node:assert/strict";
import { test } from "node:test";

import { connect } from "../src/index.js";
import { BOTH, FakeGateway, settled, VirtualTime } from "./support.js";

test("all who share a URL have one connection, which ends with the last of them", async () => {
  const time = new VirtualTime();
  const gateway = new FakeGateway(time);
  const options = { WebSocket: gateway.WebSocket, time, shared: true };
  const [one, other] = [connect("ws://shared.example/ws", options), connect("ws://shared.example/ws", options)];
  await settled();
  await gateway.welcome();
  const got = [];
  one.subscribe(["BTC"], () => got.push("one"));
  other.subscribe(["BTC"], () => got.push("other"));
  await settled();
  gateway.answer(BOTH);
  one.close();
  one.close();
  await settled();
  assert.deepEqual(gateway.heard(), []);
  gateway.say(gateway.tick("BTCUSDT", 2));
  assert.deepEqual(got, ["one", "other", "other"]);
  assert.throws(() => one.subscribe(["BTC"], () => {}), /closed/);
  other.close();
  const next = connect("ws://shared.example/ws", options); // a component that takes the place of another
  await settled();
  assert.equal(next.state.name, "open");
  next.close();
  await settled();
  assert.equal(gateway.socket.closed, true);
  assert.equal(gateway.sockets.length, 1);
  assert.equal(connect("ws://shared.example/ws", options).state.name, "connecting");
});
