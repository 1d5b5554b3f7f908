// The dashboard: every price the gateway has, and whether they can be believed.
import { NOTHING } from "./figures.js";
import { Connection } from "./connection.js";
import { Colours } from "./prices/canvas.js";
import { PriceTable } from "./prices/table.js";
import { Detail } from "./prices/detail.js";
import { Choice, fromAddress, suggest } from "./choice.js";
import { Feeds } from "./feeds.js";
import { Heads } from "./prices/heads.js";
import { LinkFigures } from "./linkfigures.js";
import { RawMessages } from "./raw.js";
import { noticeOf, stateOf } from "./status.js";
import { followKeys } from "./keys.js";

const TOLD_MS = 8_000; // an answer that concerns the reader stays so long
const WITHOUT_SYMBOLS = {
  connecting: "Waiting for the gateway",
  open: "This gateway has no symbols",
  waiting: "Waiting for the gateway",
  ended: "No prices",
};

const $ = (id) => document.getElementById(id);
const table = new PriceTable($("rows"));
const detail = new Detail($("detail"), new Colours());
const raw = new RawMessages($("messages"));
const choice = new Choice();
const feeds = new Feeds();
const heads = new Heads($("heads"), (column, falls) => table.sort(column, falls));
const link = new LinkFigures(write);
const isNarrow = matchMedia("(max-width: 900px)");

let connectionState = { name: "connecting" };
let hasSymbols = false; // whether this connection has said which there are
let expires = 0; // when the token ends, Unix seconds, once that is near
let token = ""; // kept for reconnects, and nowhere but in this page
let told = { text: "", until: 0 };

table.onDraw = (row) => detail.drawn(row);

// Below whatever path a proxy has put this page.
const folder = location.pathname.replace(/[^/]*$/, "");
const connection = new Connection(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}${folder}ws`, {
  onState(state) {
    connectionState = state;
    if (state.name === "open") {
      feeds.clear();
      table.restart();
      hasSymbols = false;
      link.restart();
      if (token) connection.send({ type: "auth", token });
      subscribe(choice.symbols ?? ["*"], "all");
    } else {
      table.drawFeeds(() => true); // without a connection nothing is known to be current
    }
    drawState();
  },
  onMessage(message, text) {
    if (raw.isOpen) raw.take("<", text);
    take(message);
  },
  onSend: (text) => raw.take(">", text),
});

/** Ask for prices, and for the figures of 24 hours where the gateway has them; `id` says why. */
function subscribe(symbols, id, more) {
  if (symbols.length === 0) {
    table.hold([]);
    return;
  }
  connection.send(choice.subscribe(symbols, { id, ...more }));
  if (id !== "options") connection.send({ type: "subscribe", channel: "stats", symbols, id: "stats" });
}

function take(message) {
  switch (message.type) {
    case "ticks":
      if (Array.isArray(message.ticks)) for (const tick of message.ticks) takeTick(tick);
      break;
    case "tick":
    case "snapshot":
      takeTick(message);
      break;
    case "stats":
      table.setStats(message);
      break;
    case "subscribed":
      if ((message.channel ?? "ticker") === "ticker" && message.id !== "options") hold(message);
      break;
    case "unsubscribed":
      if (message.id === "remove") removed(message.symbols);
      break;
    case "symbol_status":
      table.setState(message);
      drawEmpty();
      break;
    case "status":
      feeds.take(message);
      table.drawFeeds((symbol) => feeds.isStale(symbol));
      drawState();
      break;
    case "symbols":
      suggest($("known"), message.symbols);
      break;
    case "error":
      takeError(message);
      break;
    case "expiring":
      expires = message.expires_us / 1e6;
      drawNotice();
      break;
    case "welcome":
      expires = 0;
      write("client", String(message.client ?? NOTHING).slice(0, 8));
      $("client").title = message.client;
      write("gateway", message.gateway ?? NOTHING);
      break;
  }
}

function takeTick(tick) {
  link.take(table.update(tick, connection.offsetUs));
}

function hold({ symbols, id }) {
  const isMore = id === "add";
  table.hold(symbols, { more: isMore });
  document.body.classList.add("filled");
  if (isMore && choice.symbols !== null) choice.change({ symbols: [...new Set([...choice.symbols, ...symbols])] });
  table.drawFeeds((symbol) => feeds.isStale(symbol));
  if (isMore) choose(symbols[0]);
  else if (!table.rows.has(detail.symbol)) choose(fromAddress() || (isNarrow.matches ? "" : symbols[0]));
  drawEmpty();
}

function takeError({ id, code, message }) {
  if (code === "unauthorised") {
    connection.lock(token ? `The token was refused: ${message}.` : "This gateway asks for a token.");
  } else if (id === "add") {
    tell(message);
  } else if (id === "all" && choice.symbols !== null && code === "unknown_symbol") {
    tell(`${message}; the others are shown`);
  } else if (id !== "stats") {
    tell(message); // an older gateway has no channel of 24-hour figures: they stay dashes
  }
}

/** Show one symbol in detail; none if it is not there. */
function choose(symbol) {
  const row = table.rows.get(symbol) ?? null;
  detail.show(row);
  document.body.classList.toggle("detailed", row !== null);
  const address = row ? `#${encodeURIComponent(symbol)}` : location.pathname + location.search;
  if (fromAddress() !== (row?.symbol ?? "")) history.replaceState(null, "", address);
}

function remove(symbol) {
  if (!table.rows.has(symbol)) return;
  choice.change({ symbols: [...table.rows.keys()].filter((held) => held !== symbol) });
  connection.send({ type: "unsubscribe", symbols: [symbol], id: "remove" });
  connection.send({ type: "unsubscribe", channel: "stats", symbols: [symbol], id: "stats" });
  removed([symbol]);
}

function removed(symbols) {
  const row = table.rows.get(symbols[0]);
  const next = row?.element.nextElementSibling ?? row?.element.previousElementSibling;
  const hadFocus = row?.element.contains(document.activeElement);
  table.remove(symbols);
  if (!table.rows.has(detail.symbol)) choose(isNarrow.matches ? "" : (next?.dataset.symbol ?? ""));
  if (hadFocus) next?.querySelector("button").focus();
  drawEmpty();
}

function tell(text) {
  told = { text, until: performance.now() + TOLD_MS };
  drawNotice();
}

function drawState() {
  const [state, text] = stateOf(connectionState, feeds, table.size > 0);
  document.body.dataset.state = state;
  write("state", text);
  document.title = `${text} · tickgate`;
  if (feeds.count) feeds.draw($("venues")); // what was known of them stays while the connection is made again
  drawNotice();
  drawEmpty();
}

function drawNotice() {
  const answer = performance.now() < told.until ? told.text : "";
  const known = { hasRows: table.size > 0, told: answer, expires };
  const [kind, text, more] = noticeOf(document.body.dataset.state, connectionState, feeds, known);
  const isEnded = connectionState.name === "ended";
  $("notice").dataset.kind = text ? kind : "none";
  $("notice").title = text;
  $("retry").hidden = !isEnded || connectionState.locked;
  $("key").hidden = !isEnded || !connectionState.locked;
  write("notice-text", text);
  write("notice-detail", more);
}

function drawEmpty() {
  let text = "";
  if (table.size === 0) text = choice.symbols?.length === 0 ? "Add a symbol to see its prices" : WITHOUT_SYMBOLS[connectionState.name];
  else if (table.shown === 0) text = `No symbol contains “${$("filter").value.trim()}”`;
  $("empty").hidden = !text;
  $("all").hidden = choice.symbols === null;
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
$("symbol").addEventListener("focus", () => {
  if (hasSymbols) return;
  hasSymbols = true;
  $("known").replaceChildren();
  connection.send({ type: "symbols", id: "names" });
});
$("add").addEventListener("submit", (event) => {
  event.preventDefault();
  const names = $("symbol").value.split(/[\s,]+/).filter(Boolean);
  $("symbol").value = "";
  if (names.length) subscribe(names, "add");
});
$("all").addEventListener("click", () => {
  choice.change({ symbols: null });
  drawEmpty();
  subscribe(["*"], "all");
});
$("max-hz").value = String(choice.maxHz);
$("batch").checked = choice.batch;
function changeOptions() {
  choice.change({ maxHz: Number($("max-hz").value), batch: $("batch").checked });
  if (table.size) subscribe([...table.rows.keys()], "options", { snapshot: false });
}
$("max-hz").addEventListener("change", changeOptions);
$("batch").addEventListener("change", changeOptions);
$("raw").addEventListener("click", () => {
  raw.open(!raw.isOpen);
  $("raw").setAttribute("aria-pressed", String(raw.isOpen));
});
$("retry").addEventListener("click", () => connection.connect());
$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  $("token").value = "";
  connection.connect();
});
$("remove").addEventListener("click", () => remove(detail.symbol));
$("close").addEventListener("click", close);
$("rows").addEventListener("click", (event) => {
  const { symbol } = event.target.closest("tr")?.dataset ?? {};
  if (symbol) choose(symbol);
  if (symbol && isNarrow.matches) $("close").focus();
});
isNarrow.addEventListener("change", () => {
  // A window with room for a symbol in detail has one.
  if (!isNarrow.matches && !detail.symbol) choose($("rows").firstElementChild?.dataset.symbol ?? "");
});
addEventListener("hashchange", () => choose(fromAddress()));

function close() {
  const button = table.rows.get(detail.symbol)?.button;
  choose("");
  button?.focus();
}

followKeys($("rows"), {
  remove,
  search: () => $("filter").focus(),
  escape: () => isNarrow.matches && detail.symbol && close(),
});

setInterval(() => {
  if (document.hidden) return;
  table.drawAges(connection.offsetUs);
  if (connectionState.name !== "open" || feeds.stale.length || told.text) drawNotice();
}, 250);

let countedAt = performance.now();
setInterval(() => {
  const now = performance.now();
  const seconds = (now - countedAt) / 1000;
  countedAt = now;
  link.second(table.second(seconds), seconds, connection, connectionState.name === "open");
  heads.tick(() => table.arrange());
}, 1000);

connection.connect();
