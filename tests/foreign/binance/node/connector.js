// @binance/connector: the first stream in the URL, others by SUBSCRIBE; ids are times.
"use strict";

const { Spot, WebsocketStream } = require("@binance/connector");
const { Messages, run, say, sayVersion } = require("./saying.js");

function streamAt(wsURL, combinedStreams, messages) {
  return new WebsocketStream({
    wsURL, combinedStreams, callbacks: { open() {}, close() {}, message: (text) => messages.put(JSON.parse(text)) },
  });
}

run(async (rest, streams) => {
  sayVersion("@binance/connector");
  const spot = new Spot("", "", { baseURL: rest });
  say("REST ping, time", (await spot.time()).data);
  say("REST ticker/bookTicker", (await spot.bookTicker("BTCUSDT")).data);
  say("REST ticker/price", (await spot.tickerPrice("BTCUSDT")).data);
  say("REST ticker/24hr", (await spot.ticker24hr("BTCUSDT")).data);
  const raw = new Messages();
  const stream = streamAt(streams, false, raw);
  stream.bookTicker("btcusdt");
  for (let count = 0; count < 2; count += 1) say("bookTicker", await raw.next((one) => one.u));
  stream.subscribe("btcusdt@miniTicker");
  say("SUBSCRIBE", await raw.next((one) => "result" in one));
  say("miniTicker", await raw.next((one) => one.e === "24hrMiniTicker"));
  stream.unsubscribe("btcusdt@bookTicker");
  say("UNSUBSCRIBE", await raw.next((one) => "result" in one));
  stream.disconnect();
  const wrapped = new Messages();
  const combined = streamAt(streams, true, wrapped);
  combined.subscribe(["btcusdt@bookTicker", "ethusdt@bookTicker"]);
  for (let count = 0; count < 4; count += 1) say("combined bookTicker", await wrapped.next((one) => one.stream));
  combined.disconnect();
});
