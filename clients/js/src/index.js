// Prices of a tickgate gateway: `connect(url)`, `subscribe(symbols, handler)`. index.d.ts describes all of it.

import { realTime, webSocketOf } from "./environment.js";
import { Shared } from "./shared.js";
import { Stream } from "./stream.js";

export { formatPrice } from "./decimal.js";

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
