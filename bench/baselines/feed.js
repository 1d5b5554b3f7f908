// The bus for the Node baselines: every tick of Redis, without a client library.
"use strict";
const net = require("node:net");

// Calls onTick(symbol, payload) for each message on tick.*; both are strings.
module.exports = function feed(url, onTick) {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname);
  socket.setEncoding("utf8");
  socket.write("PSUBSCRIBE tick.*\r\n");
  let rest = "";
  // *4 $8 pmessage $n pattern $n channel $n payload: nine lines, none of which holds a line break.
  socket.on("data", (data) => {
    const lines = (rest + data).split("\r\n");
    let at = 0;
    while (at + 9 < lines.length || (lines[at] === "*3" && at + 6 < lines.length)) {
      if (lines[at] === "*3") {
        at += 6; // the answer to PSUBSCRIBE: *3 $10 psubscribe $n pattern :1
        continue;
      }
      onTick(lines[at + 6].slice("tick.".length), lines[at + 8]);
      at += 9;
    }
    rest = lines.slice(at).join("\r\n");
  });
  socket.on("error", (error) => { console.error(String(error)); process.exit(1); });
  socket.on("close", () => process.exit(0));
};
