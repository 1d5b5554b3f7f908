// The dashboard: every price the gateway has, and whether they can be believed.

import { duration, rate, timeOfDay } from "./figures.js";
import { Link } from "./link.js";
import { PriceTable } from "./table.js";

const SOURCES = {
  "binance-ws": ["Binance stream", false],
  "binance-rest": ["Binance REST", false],
  simulated: ["Simulated prices", true],
  replay: ["Replay of a recording", true],
};

const WITHOUT_SYMBOLS = {
  connecting: "Waiting for the gateway",
  open: "This gateway has no symbols",
  waiting: "Waiting for the gateway",
  ended: "No prices",
};

const $ = (id) => document.getElementById(id);
const table = new PriceTable($("rows"));
let link = { name: "connecting" };
let feed = null; // the newest `status`
let expires = 0; // when the token ends, Unix seconds, once that is near
let token = ""; // kept for reconnects, and nowhere but in this page

const connection = new Link(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/ws`, {
  onState(state) {
    link = state;
    if (state.name === "open") {
      feed = null;
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
        drawEmpty();
        break;
      case "symbol_status":
        table.tell(message);
        drawEmpty();
        break;
      case "status":
        feed = message;
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
  switch (link.name) {
    case "ended":
      return ["ended", "Stopped"];
    case "waiting":
      return ["reconnecting", "Reconnecting"];
    case "connecting":
      return table.size ? ["reconnecting", "Reconnecting"] : ["connecting", "Connecting"];
  }
  if (feed === null) return ["connecting", "Connecting"];
  return feed.feed === "live" ? ["live", "Live"] : ["stale", "Stale"];
}

function drawSource() {
  const source = feed?.source ?? "";
  if (feed === null) return; // what was known of it stays while the connection is made again
  const [text, unreal] = SOURCES[source] ?? [source, true];
  $("source").hidden = !text;
  $("source").classList.toggle("unreal", unreal);
  write("source", text);
}

function drawNotice(state) {
  let text = "";
  let detail = "";
  if (state === "ended") {
    text = link.reason;
    detail = link.locked ? "" : "This page does not try again by itself.";
  } else if (state === "reconnecting") {
    text = link.reason || "Connecting to the gateway again.";
    const seconds = link.name === "waiting" ? Math.max(0, link.until - performance.now()) / 1000 : 0;
    detail = `${table.size ? "Prices below may be old. " : ""}${
      seconds >= 1 ? `Next attempt in ${Math.ceil(seconds)} s.` : "Trying now."
    }`;
  } else if (state === "stale") {
    text = `Prices may be old${feed.reason ? `: ${feed.reason}` : "."}`;
    const age = Math.max(0, Date.now() / 1000 - feed.since_us / 1e6);
    detail = feed.since_us ? `Since ${timeOfDay(feed.since_us)}, ${duration(age)} ago` : "";
  } else if (state === "live" && expires) {
    text = "Your token is about to end.";
    detail = `At ${timeOfDay(expires * 1e6)} this page will ask for another.`;
  } else if (state === "live" && feed.reason) {
    text = feed.reason;
  }
  $("notice").hidden = !text;
  $("retry").hidden = state !== "ended" || link.locked;
  $("key").hidden = state !== "ended" || !link.locked;
  write("notice-text", text);
  write("notice-detail", detail);
}

function drawEmpty() {
  let text = "";
  if (table.size === 0) text = WITHOUT_SYMBOLS[link.name];
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
  if (link.name === "waiting" || feed?.feed === "stale") drawNotice(document.body.dataset.state);
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
