import assert from "node:assert/strict";
import { test } from "node:test";

import { Queue } from "../../src/subscription/queue.js";

const value = (symbol, seq) => ({ symbol, seq });

test("a slow reader gets the newest of each symbol", async () => {
  const queue = new Queue({ conflate: true, batch: false });
  for (const seq of [1, 2, 3]) for (const symbol of ["A", "B"]) queue.push(value(symbol, seq));
  assert.deepEqual([await queue.next(), await queue.next()].map((one) => one.value), [value("A", 3), value("B", 3)]);
  const waiting = queue.next();
  queue.push(value("A", 4));
  assert.deepEqual((await waiting).value, value("A", 4));
});

test("with batch it gets all that waits at once", async () => {
  const queue = new Queue({ conflate: true, batch: true });
  for (const seq of [1, 2]) for (const symbol of ["A", "B"]) queue.push(value(symbol, seq));
  assert.deepEqual((await queue.next()).value, [value("A", 2), value("B", 2)]);
});

test("who wants every tick gets every one in order, and is told when too many wait", async () => {
  const queue = new Queue({ conflate: false, batch: false });
  for (let seq = 0; seq < 100_001; seq++) queue.push(value("A", seq));
  for (let seq = 0; seq < 100_001; seq++) assert.equal((await queue.next()).value.seq, seq);
  await assert.rejects(queue.next(), /read them faster/);
});

test("the end comes after what waits, and says why", async () => {
  const queue = new Queue({ conflate: true, batch: false });
  queue.push(value("A", 1));
  queue.end();
  queue.push(value("A", 2));
  assert.equal((await queue.next()).value.seq, 1);
  assert.deepEqual(await queue.next(), { value: undefined, done: true });
  assert.deepEqual(await queue.next(), { value: undefined, done: true });
});
