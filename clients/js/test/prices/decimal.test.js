import assert from "node:assert/strict";
import { test } from "node:test";

import { formatPrice } from "../../src/index.js";

test("the point is set between the digits, and no digit is lost", () => {
  const cases = [
    [6502886, 2, "65028.86"],
    [5, 2, "0.05"],
    [0, 3, "0.000"],
    [123, 0, "123"],
    [9007199254740991, 15, "9.007199254740991"],
    [1, 15, "0.000000000000001"],
    [-5, 2, "-0.05"],
    [123456789012345678901234567890n, 8, "1234567890123456789012.34567890"],
  ];
  for (const [value, scale, expected] of cases) assert.equal(formatPrice(value, scale), expected);
});

test("what is absent is empty", () => {
  assert.equal(formatPrice(undefined, 2), "");
  assert.equal(formatPrice(null, 2), "");
});

test("a float is refused, and so is a scale that is none", () => {
  assert.throws(() => formatPrice(650.28, 2), /no integer/);
  assert.throws(() => formatPrice(2 ** 53, 2), /no integer/);
  assert.throws(() => formatPrice(5, undefined), /price_scale/);
});
