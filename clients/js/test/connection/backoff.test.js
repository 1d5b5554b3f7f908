import assert from "node:assert/strict";
import { test } from "node:test";

import { Backoff } from "../../src/connection/backoff.js";

test("pauses have full jitter below a bound that doubles up to the cap", () => {
  const backoff = new Backoff({ random: () => 0.999999, baseMs: 500, capMs: 4000 });
  assert.deepEqual([1, 2, 3, 4, 5].map(() => Math.round(backoff.next())), [500, 1000, 2000, 4000, 4000]);
  assert.equal(new Backoff({ random: () => 0 }).next(), 0);
});

test("attempts that count as failed lengthen the next pause, and a reset begins anew", () => {
  const backoff = new Backoff({ random: () => 1 });
  backoff.atLeast(3);
  assert.equal(backoff.next(), 4000);
  backoff.reset();
  assert.equal(backoff.next(), 500);
  for (let attempt = 0; attempt < 2000; attempt++) assert.ok(backoff.next() <= 30_000);
});
