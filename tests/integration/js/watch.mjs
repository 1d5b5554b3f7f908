// A program of the client's: it watches some symbols, and prints a line of JSON for whatever it is told.
//
// node watch.mjs '{"url": …, "symbols": [...], "options": {...}, "secret": …, "ttl_s": …, "each": true,
//   "too_old_ms": …}'

import { createHmac } from "node:crypto";
import { createRequire } from "node:module";

import { connect } from "../../../clients/js/src/index.js";

const LOOK_MS = 25;

const asked = JSON.parse(process.argv[2]);
// Of the client's own folder, or of NODE_PATH.
const require = createRequire(new URL("../../../clients/js/", import.meta.url));
const WebSocket = globalThis.WebSocket ?? require("ws");

const tell = (what, value) => process.stdout.write(`${JSON.stringify({ what, at_ms: Date.now(), ...value })}\n`);

let tokens = 0;
function token() {
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const exp = Math.floor(Date.now() / 1000) + asked.ttl_s;
  const text = `${part({ alg: "HS256", typ: "JWT" })}.${part({ sub: "ada", exp, jti: String(++tokens) })}`;
  tell("token", { number: tokens });
  return `${text}.${createHmac("sha256", asked.secret).update(text).digest("base64url")}`;
}

const given = asked.secret === undefined ? undefined : asked.once ? token() : token;
const stream = connect(asked.url, { WebSocket, token: given });
stream.on("state", (state) => tell("connection", state));
stream.on("error", (error) => tell("error", error));

const newest = new Map();
const price = (tick) => {
  newest.set(tick.symbol, tick);
  if (asked.each) tell(tick.type === "snapshot" ? "snapshot" : "tick", { symbol: tick.symbol, seq: tick.seq });
};
const subscription = stream.subscribe(
  asked.symbols,
  (ticks) => (asked.options?.batch ? ticks.forEach(price) : price(ticks)),
  {
    ...asked.options,
    onState: (change) => tell("state", change),
    onGap: (gap) => tell("gap", gap),
  },
);

// Whatever happens: no price that is called live is older than that. A program that was not run cannot say anything.
let lookedMs = performance.now();
let oldestMs = 0;
setInterval(() => {
  const nowMs = performance.now();
  const wasAwake = nowMs - lookedMs < 10 * LOOK_MS;
  lookedMs = nowMs;
  if (!wasAwake) return;
  for (const symbol of subscription.symbols) {
    const { state, last } = subscription.symbol(symbol);
    if (state !== "live" || last === undefined) continue;
    const ageMs = Date.now() - last.recv_us / 1000;
    oldestMs = Math.max(oldestMs, ageMs);
    if (ageMs > (asked.too_old_ms ?? 3000)) tell("too_old", { symbol, seq: last.seq, age_ms: ageMs });
  }
}, LOOK_MS);

process.stdin.resume();
process.stdin.on("end", () => {
  const ages = [...newest.values()].map((tick) => stream.ageMs(tick));
  tell("end", { oldest_ms: oldestMs, ages_ms: ages, uncertainty_ms: stream.clock.uncertaintyMs });
  stream.close();
  process.exitCode = 0;
  setTimeout(() => process.exit(), 50);
});
