import assert from "node:assert/strict";
import { test } from "node:test";

import { Liveness } from "../../src/connection/liveness.js";

test("a silence is asked about once, then counts as old, then as the end", () => {
  const liveness = new Liveness(20, 0);
  const said = (ms) => Object.entries(liveness.check(ms)).filter(([, is]) => is).map(([name]) => name);
  assert.deepEqual([999, 1000, 1250, 2499, 2500, 4999, 5000].map(said), [
    [], ["ask"], [], [], ["silent"], ["silent"], ["silent", "dead"],
  ]);
});

test("anything that comes ends a silence", () => {
  const liveness = new Liveness(20, 0);
  liveness.check(1000);
  liveness.heard(2000);
  assert.deepEqual(liveness.check(2900), { ask: false, silent: false, dead: false });
  assert.equal(liveness.check(3000).ask, true);
});

test("after a sleep the gateway is asked before it counts as gone", () => {
  const liveness = new Liveness(20, 0);
  assert.deepEqual(liveness.check(3_600_000), { ask: true, silent: true, dead: false });
  assert.equal(liveness.check(3_603_000).dead, false);
  assert.equal(liveness.check(3_604_000).dead, true);
});

test("a slow heartbeat makes no old price current, and a fast one is kept up with", () => {
  assert.equal(new Liveness(600, 0).check(2500).silent, true);
  assert.equal(new Liveness(4, 0).check(500).silent, true);
});
