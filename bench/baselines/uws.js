// uWebSockets' own publish/subscribe: native code from the tick to the socket.
//   npm install --prefix bench/baselines uwebsockets
//   node bench/baselines/uws.js PORT REDIS_URL
"use strict";
const uws = require("uwebsockets");
const feed = require("./feed.js");

const [port, url] = process.argv.slice(2);
const app = uws.App();

app.ws("/ws", {
  compression: uws.DISABLED,
  maxBackpressure: 64 * 1024 * 1024,
  idleTimeout: 0,
  message(ws, message) {
    const { symbols } = JSON.parse(Buffer.from(message).toString());
    for (const symbol of symbols) ws.subscribe(symbol);
    ws.send(JSON.stringify({ type: "subscribed", symbols }), false);
  },
});
app.listen("127.0.0.1", Number(port), (token) => { if (!token) process.exit(1); });

feed(url, (symbol, payload) => app.publish(symbol, `{"type":"tick",${payload.slice(1)}`, false));
