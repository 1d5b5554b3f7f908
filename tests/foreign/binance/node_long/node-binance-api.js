// node-binance-api: streams by name in the URL, one or several. REST.
"use strict";

const Binance = require("node-binance-api");
const { Messages, run, say, sayVersion } = require("../node/saying.js");

run(async (rest, streams) => {
  sayVersion("node-binance-api", __dirname);
  const binance = new Binance({
    urls: { base: `${rest}/api/`, stream: `${streams}/ws/`, combineStream: `${streams}/stream?streams=` },
  });
  say("REST ticker/bookTicker of all", await binance.bookTickers());
  const quotes = new Messages();
  binance.websockets.bookTickers("BTCUSDT", (quote) => quotes.put(quote));
  for (let count = 0; count < 2; count += 1) {
    const { updateId, symbol, bestBid, bestBidQty, bestAsk, bestAskQty } = await quotes.next((one) => one.updateId);
    say("bookTicker", { u: updateId, s: symbol, b: bestBid, B: bestBidQty, a: bestAsk, A: bestAskQty });
  }
  const every = new Messages();
  binance.websockets.miniTicker((markets) => every.put(markets));
  say("!miniTicker@arr", await every.next((one) => Object.keys(one).length));
});
