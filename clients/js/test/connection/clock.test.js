import assert from "node:assert/strict";
import { test } from "node:test";

import { Clock } from "../../src/connection/clock.js";
import { VirtualTime } from "../support.js";

const WRONG_MS = 7_000;

async function asked(clock, time, { thereMs, backMs }) {
  const sentMs = time.nowMs();
  await time.pass(thereMs);
  const serverUs = time.us;
  await time.pass(backMs);
  clock.sample(sentMs, time.nowMs(), serverUs);
}

test("the gateway's time is known although this machine's clock is seconds off", async () => {
  const time = new VirtualTime();
  time.wrongMs = WRONG_MS;
  const clock = new Clock(time);
  assert.equal(clock.nowUs(), time.us + WRONG_MS * 1000);
  assert.equal(clock.uncertaintyMs, Infinity);
  await asked(clock, time, { thereMs: 10, backMs: 30 });
  assert.equal(clock.nowUs(), time.us - 10_000);
  assert.equal(clock.uncertaintyMs, 20);
  assert.equal(clock.offsetMs, -WRONG_MS - 10);
});

test("the answer with the shortest round trip counts, until it is so old that a worse one is better", async () => {
  const time = new VirtualTime();
  const clock = new Clock(time);
  await asked(clock, time, { thereMs: 1, backMs: 1 });
  await asked(clock, time, { thereMs: 0, backMs: 20 });
  assert.equal(clock.nowUs(), time.us);
  await time.pass(120_000);
  assert.ok(clock.uncertaintyMs > 12);
  await asked(clock, time, { thereMs: 0, backMs: 20 });
  assert.equal(clock.nowUs(), time.us - 10_000);
});

test("an answer that contradicts the best one replaces it: a clock was set, or it is another gateway", async () => {
  const time = new VirtualTime();
  const clock = new Clock(time);
  await asked(clock, time, { thereMs: 1, backMs: 1 });
  clock.sample(time.nowMs() - 20, time.nowMs(), time.us + 5_000_000);
  assert.ok(Math.abs(clock.nowUs() - time.us - 5_000_000) <= 10_000);
});

test("a gateway that does not say its time leaves this machine's clock", () => {
  const time = new VirtualTime();
  const clock = new Clock(time);
  clock.sample(0, 1, undefined);
  assert.equal(clock.nowUs(), time.us);
});
