// Time and chance, and the WebSocket: what tests replace.

/**
 * @typedef {object} Time
 * @property {() => number} nowMs Milliseconds; never goes back.
 * @property {() => number} wallMs Unix time in milliseconds.
 * @property {(callback: () => void, ms: number) => any} setTimeout
 * @property {(timer: any) => void} clearTimeout
 * @property {() => number} random
 */

/** @type {Time} */
export const realTime = {
  nowMs: () => performance.now(),
  wallMs: () => Date.now(),
  setTimeout: (callback, ms) => globalThis.setTimeout(callback, ms),
  clearTimeout: (timer) => globalThis.clearTimeout(timer),
  random: Math.random,
};

/** @param {any} given The `WebSocket` option. */
export function webSocketOf(given) {
  const found = given ?? globalThis.WebSocket;
  if (typeof found !== "function") {
    throw new TypeError(
      "this runtime has no WebSocket (Node has one from version 22 on): npm install ws, " +
        'import WebSocket from "ws", and connect(url, { WebSocket })',
    );
  }
  return found;
}

/** A handler of the caller threw: said as an uncaught error is, and nothing here stops for it. */
export function report(error) {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else
    queueMicrotask(() => {
      throw error;
    });
}
