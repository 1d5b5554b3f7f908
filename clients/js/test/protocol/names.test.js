import assert from "node:assert/strict";
import { test } from "node:test";

import { lookUp, settle } from "../../src/protocol/names.js";

const settledAs = (names, symbols) => {
  const { found, left } = settle(names, symbols);
  return [Object.fromEntries(found), left];
};

test("full names, in any case, and as many others as the answer has symbols are settled by it", () => {
  assert.deepEqual(settledAs(["ethusdt", "BTC", "sol/usdt"], ["ETHUSDT", "BTCUSDT", "SOLUSDT"]), [
    { ethusdt: "ETHUSDT", BTC: "BTCUSDT", "sol/usdt": "SOLUSDT" },
    [],
  ]);
});

test("a wrong name, or two of one symbol, leave the others that are no full names open", () => {
  assert.deepEqual(settledAs(["BTC", "NOPE", "ETHUSDT"], ["BTCUSDT", "ETHUSDT"]), [{ ETHUSDT: "ETHUSDT" }, ["BTC", "NOPE"]]);
  assert.deepEqual(settledAs(["BTC", "BTCUSDT"], ["BTCUSDT"]), [{ BTCUSDT: "BTCUSDT" }, ["BTC"]]);
});

test("the gateway's list tells by name, by alias, and by the pair however it is written", () => {
  const listing = [
    { symbol: "BTCUSDT", aliases: ["BTC"] },
    { symbol: "BTCEUR" },
    { symbol: "coinbase:BTC-USD", aliases: ["coinbase:BTC"] },
    { symbol: "币安人生USDT", aliases: ["币安人生"] },
  ];
  const expected = {
    btceur: "BTCEUR", btc: "BTCUSDT", "BTC/EUR": "BTCEUR", "BTC-USDT": "BTCUSDT", "coinbase:btc": "coinbase:BTC-USD",
    "coinbase:BTC/USD": "coinbase:BTC-USD", 币安人生: "币安人生USDT", NOPE: undefined,
  };
  for (const [name, symbol] of Object.entries(expected)) assert.equal(lookUp(name, listing), symbol, name);
});
