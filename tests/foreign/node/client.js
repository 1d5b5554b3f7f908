// A client made with Node's ws; tests/foreign/__init__.py says what it does.
const WebSocket = require("ws");
const [url, way, ...messages] = process.argv.slice(2);
const socket = new WebSocket(url, { perMessageDeflate: way === "deflate" ? { threshold: 0 } : false });
socket.on("upgrade", (response) => {
  console.log(JSON.stringify({ extensions: response.headers["sec-websocket-extensions"] || "" }));
});
socket.on("open", () => messages.forEach((message) => socket.send(message)));
let batches = 0;
socket.on("message", (data) => {
  console.log(data.toString());
  if (JSON.parse(data).type === "ticks" && ++batches === 3) socket.close(1000);
});
socket.on("close", (code) => {
  process.exitCode = code === 1000 ? 0 : 1;
});
