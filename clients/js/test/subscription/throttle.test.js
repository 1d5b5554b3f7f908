import assert from "node:assert/strict";
import { test } from "node:test";

import { Throttle } from "../../src/subscription/throttle.js";
import { VirtualTime } from "../support.js";

test("the first value passes at once, then the newest of each interval", async () => {
  const time = new VirtualTime();
  const passed = [];
  const throttle = new Throttle(time, (value) => passed.push([time.nowMs(), value]), () => passed.push("flush"));
  for (let value = 0; value < 25; value++) {
    throttle.offer("A", value, 100);
    await time.pass(10);
  }
  await time.pass(1000);
  assert.deepEqual(passed, [[0, 0], [100, 9], "flush", [200, 19], "flush", [300, 24], "flush"]);
  throttle.offer("A", 99, 100);
  assert.deepEqual(passed.at(-1), [1250, 99]);
  assert.equal(time.timers, 0);
});

test("each symbol has its own pace, and what is due together goes together", async () => {
  const time = new VirtualTime();
  const passed = [];
  const throttle = new Throttle(time, (value) => passed.push(value), () => passed.push("flush"));
  throttle.offer("A", "a1", 100);
  await time.pass(5);
  throttle.offer("B", "b1", 100);
  throttle.offer("A", "a2", 100);
  throttle.offer("B", "b2", 100);
  await time.pass(100);
  assert.deepEqual(passed, ["a1", "b1", "a2", "b2", "flush"]);
  throttle.offer("A", "a3", 100);
  throttle.clear();
  await time.pass(1000);
  assert.equal(passed.length, 5);
});
