// binance (npm): REST, then a bare /stream and SUBSCRIBE; it pings each ten seconds and sends a pong unasked.
"use strict";

const { MainClient, WebsocketClient } = require("binance");
const { Messages, run, say, sayVersion } = require("./saying.js");

const QUIET = { trace() {}, info() {}, error() {} };

run(async (rest, streams) => {
  sayVersion("binance");
  const client = new MainClient({ baseUrl: rest });
  say("REST exchangeInfo", await client.getExchangeInfo({ symbol: "BTCUSDT" }));
  say("REST ticker/bookTicker", await client.getSymbolOrderBookTicker({ symbol: "BTCUSDT" }));
  say("REST ticker/price", await client.getSymbolPriceTicker({ symbol: "BTCUSDT" }));
  say("REST ticker/24hr", await client.get24hrChangeStatistics({ symbol: "BTCUSDT" }));
  const messages = new Messages();
  const sockets = new WebsocketClient({ wsUrl: streams, beautify: false }, QUIET);
  sockets.on("message", (message) => messages.put(message));
  sockets.on("response", (message) => messages.put({ response: message }));
  await sockets.subscribe(["btcusdt@bookTicker", "ethusdt@bookTicker", "btcusdt@miniTicker", "!miniTicker@arr"], "main");
  for (let count = 0; count < 4; count += 1) say("combined bookTicker", await messages.next((one) => one.u));
  say("combined miniTicker", await messages.next((one) => one.e === "24hrMiniTicker"));
  say("!miniTicker@arr", await messages.next(Array.isArray));
  sockets.closeAll(true);
});
