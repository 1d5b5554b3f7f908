// @binance/spot: an empty list in the URL, then SUBSCRIBE; ids are 32 hex digits. REST.
"use strict";

const { Spot } = require("@binance/spot");
const { Messages, run, say, sayVersion } = require("../node/saying.js");

run(async (rest, streams) => {
  sayVersion("@binance/spot", __dirname);
  const client = new Spot({
    configurationRestAPI: { basePath: rest, apiKey: "" },
    configurationWebsocketStreams: { wsURL: streams },
  });
  say("REST ping, time", await (await client.restAPI.time()).data());
  say("REST ticker/price", await (await client.restAPI.tickerPrice({ symbol: "BTCUSDT" })).data());
  say("REST ticker/24hr", await (await client.restAPI.ticker24hr({ symbol: "BTCUSDT" })).data());
  const connection = await client.websocketStreams.connect();
  const messages = new Messages();
  connection.bookTicker({ symbol: "btcusdt" }).on("message", (data) => messages.put(data));
  for (let count = 0; count < 2; count += 1) say("combined bookTicker", await messages.next((one) => one.u));
  connection.miniTicker({ symbol: "btcusdt" }).on("message", (data) => messages.put(data));
  say("combined miniTicker", await messages.next((one) => one.e === "24hrMiniTicker"));
  await connection.disconnect();
});
