// The dashboard: every price the gateway has, and whether they can be believed.

import { duration, rate, timeOfDay } from "./figures.js";
import { Connection } from "./connection.js";
import { PriceTable } from "./table.js";

const SOURCES = {
  "binance-ws": ["Binance stream", false],
  "binance-rest": ["Binance REST", false],
  "coinbase-ws": ["Coinbase stream", false],
  simulated: ["Simulated prices", true],
  replay: ["Replay of a recording", true],
};

const DEFAULT_VENUE = "binance"; // whose symbols have no venue's name in front

const WITHOUT_SYMBOLS = {
  connecting: "Waiting for the gateway",
  open: "This gateway has no symbols",
  waiting: "Waiting for the gateway",
  ended: "No prices",
};

const $ = (id) => document.getElementById(id);
const table = new PriceTable($("rows"));
let connectionState = { name: "connecting" };
const feeds = new Map(); // venue -> its newest `status`, of this connection, while it is served
const venues = new Set(); // every venue of which this connection got a `status`
let expires = 0; // when the token ends, Unix seconds, once that is near
let token = ""; // kept for reconnects, and nowhere but in this page

const connection = new Connection(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, {
  onState(state) {
    connectionState = state;
    if (state.name === "open") {
      feeds.clear();
      venues.clear();
      table.restart();
      if (token) connection.send({ type: "auth", token });
      connection.send({ type: "subscribe", symbols: ["*"] });
    }
    drawState();
  },
  onMessage(message) {
    switch (message.type) {
      case "tick":
      case "snapshot":
        table.update(message);
        break;
      case "ticks":
        for (const tick of message.ticks) table.update(tick);
        break;
      case "subscribed":
        table.hold(message.symbols);
        table.drawFeeds(isStale);
        drawEmpty();
        break;
      case "symbol_status":
        table.setState(message);
        drawEmpty();
        break;
      case "status":
        takeStatus(message);
        table.drawFeeds(isStale);
        drawState();
        break;
      case "error":
        if (message.code === "unauthorised") {
          connection.lock(token ? `The token was refused: ${message.message}.` : "This gateway asks for a token.");
        }
        break;
      case "expiring":
        expires = message.expires_us / 1e6;
        drawState();
        break;
      case "welcome":
        expires = 0;
        $("client").textContent = `Client ${message.client}`;
        break;
    }
  },
});

function drawState() {
  const [state, text] = stateOf();
  document.body.dataset.state = state;
  write("state", text);
  document.title = `${text} · tickgate`;
  drawSource();
  drawNotice(state);
  drawEmpty();
}

function stateOf() {
  if (connectionState.refusal) return ["refused", "Refused"];
  switch (connectionState.name) {
    case "ended":
      return ["ended", "Stopped"];
    case "waiting":
      return ["reconnecting", "Reconnecting"];
    case "connecting":
      return table.size ? ["reconnecting", "Reconnecting"] : ["connecting", "Connecting"];
  }
  if (feeds.size === 0) return ["connecting", "Connecting"];
  const stale = staleVenues().length;
  if (stale === 0) return ["live", "Live"];
  return stale === feeds.size ? ["stale", "Stale"] : ["partly", "Partly stale"];
}

function takeStatus(status) {
  const venue = status.venue ?? DEFAULT_VENUE;
  venues.add(venue);
  if (status.served === false) feeds.delete(venue);
  else feeds.set(venue, status);
}

function staleVenues() {
  return [...feeds.keys()].filter((venue) => feeds.get(venue).feed !== "live");
}

/** The reasons of these venues, each with the venue's name if there are several. */
function reasonsOf(names) {
  const withReason = names.filter((venue) => feeds.get(venue).reason);
  return withReason.map((venue) => ofVenue(venue, feeds.get(venue).reason));
}

/** Whether a symbol's venue is stale: the one whose name stands in front of it, or the one that has none there. */
function isStale(symbol) {
  const [name, native] = symbol.split(":", 2);
  const feed = feeds.get(native !== undefined && venues.has(name) ? name : DEFAULT_VENUE);
  return feed !== undefined && feed.feed !== "live";
}

/** `text` of one venue, with its name where there are several. */
function ofVenue(venue, text) {
  return feeds.size > 1 ? `${venue}: ${text}` : text;
}

function drawSource() {
  if (feeds.size === 0) return; // what was known of it stays while the connection is made again
  const texts = [];
  let unreal = false;
  for (const [venue, feed] of feeds) {
    const [text, isUnreal] = SOURCES[feed.source] ?? [feed.source, true];
    const state = feeds.size > 1 && feed.feed !== "live" ? "stale" : "";
    const words = [text, state].filter(Boolean).join(", ");
    if (words) texts.push(ofVenue(venue, words));
    unreal ||= isUnreal && Boolean(text);
  }
  $("source").hidden = texts.length === 0;
  $("source").classList.toggle("unreal", unreal);
  write("source", texts.join(" · "));
}

function drawNotice(state) {
  let text = "";
  let detail = "";
  if (state === "ended") {
    text = connectionState.reason;
    detail = connectionState.locked ? "" : "This page does not try again by itself.";
  } else if (state === "reconnecting" || state === "refused") {
    text = connectionState.reason || "Connecting to the gateway again.";
    if (connectionState.refusal) text = `The gateway refuses this page: ${connectionState.refusal}.`;
    const seconds = connectionState.name === "waiting" ? Math.max(0, connectionState.until - performance.now()) / 1000 : 0;
    detail = `${table.size ? "Prices below may be old. " : ""}${
      seconds >= 1 ? `Next attempt in ${Math.ceil(seconds)} s.` : "Trying now."
    }`;
  } else if (state === "stale" || state === "partly") {
    const stale = staleVenues();
    const which = state === "partly" ? ` of ${stale.join(", ")}` : "";
    const [only, ...others] = stale;
    const reasons = which && !others.length ? [feeds.get(only).reason].filter(Boolean) : reasonsOf(stale);
    text = `Prices${which} may be old${reasons.length ? `: ${reasons.join("; ")}` : "."}`;
    const sinceUs = Math.min(...stale.map((venue) => feeds.get(venue).since_us || Infinity));
    const age = Math.max(0, Date.now() / 1000 - sinceUs / 1e6);
    detail = Number.isFinite(sinceUs) ? `Since ${timeOfDay(sinceUs)}, ${duration(age)} ago` : "";
  } else if (state === "live" && expires) {
    text = "Your token is about to end.";
    detail = `At ${timeOfDay(expires * 1e6)} this page will ask for another.`;
  } else if (state === "live") {
    text = reasonsOf([...feeds.keys()]).join("; ");
  }
  $("notice").hidden = !text;
  $("retry").hidden = state !== "ended" || connectionState.locked;
  $("key").hidden = state !== "ended" || !connectionState.locked;
  write("notice-text", text);
  write("notice-detail", detail);
}

function drawEmpty() {
  let text = "";
  if (table.size === 0) text = WITHOUT_SYMBOLS[connectionState.name];
  else if (table.shown === 0) text = `No symbol contains “${$("filter").value.trim()}”`;
  $("empty").hidden = !text;
  write("empty", text);
  write("not-live", `${table.notLive}`);
  $("not-live").parentElement.classList.toggle("some", table.notLive > 0);
  write("symbols", table.shown === table.size ? `${table.size}` : `${table.shown} of ${table.size}`);
}

function write(id, text) {
  // Screen readers announce every write to a live region, even of the same words.
  if ($(id).textContent !== text) $(id).textContent = text;
}

$("filter").addEventListener("input", (event) => {
  table.filter(event.target.value);
  drawEmpty();
});
$("retry").addEventListener("click", () => connection.connect());
$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  $("token").value = "";
  connection.connect();
});

setInterval(() => {
  table.drawAges();
  if (connectionState.name === "waiting" || staleVenues().length) drawNotice(document.body.dataset.state);
}, 250);

let countedAt = performance.now();
setInterval(() => {
  const now = performance.now();
  table.drawRates((now - countedAt) / 1000);
  countedAt = now;
  write("rate", rate(table.rate));
  drawEmpty();
}, 1000);

connection.connect();
