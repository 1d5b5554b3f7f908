import assert from "node:assert/strict";
import { test } from "node:test";

import { fieldsOf, keyOf, limited, merged, MOST_SETS, optionsOf } from "../../src/protocol/options.js";

test("merged options give both callers enough", () => {
  const slow = optionsOf({ maxHz: 2 });
  assert.deepEqual(merged(slow, optionsOf({ maxHz: 5, batch: true })), { batch: true, maxHz: 5, conflate: true });
  assert.deepEqual(merged(slow, optionsOf({ conflate: false })), { batch: false, maxHz: Infinity, conflate: false });
  assert.equal(merged(undefined, slow), slow);
});

test("a rate that no gateway takes is refused at once", () => {
  for (const maxHz of [0, -1, 51, NaN, "2x"]) assert.throws(() => optionsOf({ maxHz }), /maxHz/);
});

test("many wishes become four sets, each of which gives enough", () => {
  const wanted = new Map();
  for (const batch of [true, false]) {
    for (const maxHz of [0.1, 1, 2, 5, 10, 50, undefined]) wanted.set(`${batch} ${maxHz}`, optionsOf({ batch, maxHz }));
  }
  wanted.set("every", optionsOf({ conflate: false }));
  const made = limited(wanted);
  assert.equal(new Set([...made.values()].map(keyOf)).size, MOST_SETS);
  for (const [key, options] of wanted) {
    const given = made.get(key);
    assert.ok(given.maxHz >= options.maxHz && (given.batch || !options.batch), key);
    assert.equal(given.conflate, options.conflate);
  }
});

test("what fits stays as it was asked for, and defaults are not said", () => {
  const wanted = new Map([["a", optionsOf({ maxHz: 1 })], ["b", optionsOf()]]);
  assert.equal(limited(wanted), wanted);
  assert.deepEqual(fieldsOf(optionsOf()), {});
  assert.deepEqual(fieldsOf(optionsOf({ batch: true, maxHz: 2 })), { batch: true, max_hz: 2 });
  assert.deepEqual(fieldsOf(optionsOf({ conflate: false, maxHz: 2 })), { conflate: false });
});
