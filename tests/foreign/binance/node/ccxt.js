// ccxt for JavaScript: the same as for Python. Without loadHttpProxyAgent() it refuses ws://.
"use strict";

const ccxt = require("ccxt");
const { run, say, sayVersion } = require("./saying.js");

async function exchangeAt(rest, streams) {
  const exchange = new ccxt.pro.binance({ options: { fetchMarkets: { types: ["spot"] } } });
  exchange.urls.api.public = `${rest}/api/v3`;
  exchange.urls.api.ws.spot = streams;
  await exchange.loadHttpProxyAgent();
  return exchange;
}

run(async (rest, streams) => {
  sayVersion("ccxt");
  const exchange = await exchangeAt(rest, `${streams}/streams/ws`);
  say("REST exchangeInfo", Object.keys(await exchange.loadMarkets()).sort());
  say("REST ticker/24hr", (await exchange.fetchTicker("BTC/USDT")).info);
  for (let count = 0; count < 2; count += 1) {
    const quotes = await exchange.watchBidsAsks(["BTC/USDT", "ETH/USDT"]);
    for (const quote of Object.values(quotes)) say("bookTicker", quote.info);
  }
  say("miniTicker", (await exchange.watchTicker("BTC/USDT", { name: "miniTicker" })).info);
  const every = await exchange.watchTickers(undefined, { name: "miniTicker" });
  say("!miniTicker@arr", Object.values(every).map((one) => one.info));
  await exchange.close();
  const wrapped = await exchangeAt(rest, `${streams}/stream`);
  say("combined bookTicker", (await wrapped.watchBidsAsks(["BTC/USDT"]))["BTC/USDT"].info);
  await wrapped.close();
});
