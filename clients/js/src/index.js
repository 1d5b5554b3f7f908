// Prices of a tickgate gateway: `connect(url)`, `subscribe(symbols, handler)`. index.d.ts describes all of it.
//
//   stream         one stream: puts together what follows, and hands each message to whom it concerns
//   connection/    made again whenever it ends: backoff, close_codes, token. A link is one WebSocket: liveness, clock
//   subscription/  one caller: queue, throttle; routes say who gets what
//   prices/        prices: what is new to the callers; states: whether a price is current; decimal
//   protocol/      wire: what the connection holds, and the commands for that: wants, options, named, names, commands;
//                  listings: questions for the list of symbols
//   shared         one stream for all who connect to the same URL
//
// Folders import downwards in this order. Time, chance and the WebSocket come from environment.js, so that tests can
// replace them; events.js calls handlers by name. `make reference` makes protocol/messages.d.ts of the gateway's code.

import { realTime, webSocketOf } from "./environment.js";
import { Shared } from "./shared.js";
import { Stream } from "./stream.js";

export { formatPrice } from "./prices/decimal.js";

const shared = new Shared();

/** @param {string | URL} url @param {import("./index.js").ConnectOptions & { time?: import("./environment.js").Time }} options */
export function connect(url, { token, WebSocket, shared: isShared = false, time = realTime } = {}) {
  const address = addressOf(url);
  const open = () => new Stream(address, { token, WebSocket: webSocketOf(WebSocket), time });
  return isShared ? shared.take(address, open) : open();
}

// A page may say "/ws": its own host is meant.
function addressOf(url) {
  const base = globalThis.location?.href;
  let address;
  try {
    address = new URL(url, base);
  } catch {
    throw new TypeError(`${url} is no URL; write one like wss://prices.example.com/ws`);
  }
  address.protocol = address.protocol.replace("http", "ws");
  if (!/^wss?:$/.test(address.protocol)) throw new TypeError(`${url} is no URL of a WebSocket; it begins with wss:// or ws://`);
  return address.href;
}
