// Node's `ws`, as most would write it: one ws.send for each client of each tick.
//   npm install --prefix bench/baselines ws
//   node bench/baselines/ws.js PORT REDIS_URL
"use strict";
const { WebSocketServer } = require("ws");
const feed = require("./feed.js");

const [port, url] = process.argv.slice(2);
const clients = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: Number(port), backlog: 4096, perMessageDeflate: false });

server.on("connection", (ws) => {
  ws.on("error", () => {});
  ws.on("message", (data) => {
    const { symbols } = JSON.parse(data);
    for (const symbol of symbols) {
      if (!clients.has(symbol)) clients.set(symbol, new Set());
      clients.get(symbol).add(ws);
    }
    ws.on("close", () => symbols.forEach((symbol) => clients.get(symbol).delete(ws)));
    ws.send(JSON.stringify({ type: "subscribed", symbols }));
  });
});

feed(url, (symbol, payload) => {
  const text = Buffer.from(`{"type":"tick",${payload.slice(1)}`);
  for (const ws of clients.get(symbol) ?? []) ws.send(text, { binary: false });
});
