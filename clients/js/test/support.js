// Time that is turned by hand, and a gateway without a network: what the client said, and what it is told.

export class VirtualTime {
  #now = 0;
  #timers = [];
  #ids = 0;
  /** How far this machine's clock is from the right time, in milliseconds. */
  wrongMs = 0;
  /** What `random` gives next. */
  chance = 0.5;

  nowMs = () => this.#now;
  wallMs = () => 1_795_734_825_000 + this.#now + this.wrongMs;
  random = () => this.chance;
  setTimeout = (callback, ms) => {
    const timer = { id: ++this.#ids, at: this.#now + Math.max(0, ms), callback };
    this.#timers.push(timer);
    return timer.id;
  };
  clearTimeout = (id) => {
    this.#timers = this.#timers.filter((timer) => timer.id !== id);
  };

  /** The right time in microseconds. */
  get us() {
    return (1_795_734_825_000 + this.#now) * 1000;
  }

  get timers() {
    return this.#timers.length;
  }

  /** Let so much time pass, and everything happen that is due. */
  async pass(ms) {
    const until = this.#now + ms;
    await settled();
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at || a.id - b.id)[0];
      if (due === undefined) break;
      this.#now = Math.max(this.#now, due.at);
      this.clearTimeout(due.id);
      due.callback();
      await settled();
    }
    this.#now = until;
    await settled();
  }
}

/** Every promise that can settle without time has settled. */
export async function settled() {
  for (let turn = 0; turn < 20; turn++) await null;
}

/** Makes sockets, each of which leads here. */
export class FakeGateway {
  sockets = [];

  constructor(time) {
    this.time = time;
    const gateway = this;
    this.WebSocket = class {
      readyState = 0;
      said = [];
      constructor(url) {
        this.url = url;
        gateway.sockets.push(this);
      }
      send(text) {
        this.said.push(JSON.parse(text));
      }
      close() {
        this.readyState = 3;
        this.closed = true;
      }
    };
  }

  /** The newest socket. */
  get socket() {
    return this.sockets.at(-1);
  }

  /** Accept the newest socket, and welcome it. */
  async welcome({ heartbeat_s = 20, server_us = this.time.us, feed = "live" } = {}, socket = this.socket) {
    socket.readyState = 1;
    socket.onopen?.({});
    this.say({ type: "welcome", client: "c", heartbeat_s, server_us }, socket);
    this.say({ type: "status", feed, reason: "", source: "binance-ws", since_us: 1, venue: "binance" }, socket);
    await settled();
  }

  say(message, socket = this.socket) {
    socket.onmessage?.({ data: JSON.stringify(message) });
  }

  /** What the client has said since the last look, without pings. */
  heard(socket = this.socket) {
    const all = socket.said.filter(({ type }) => type !== "ping");
    socket.said = socket.said.filter(({ type }) => type === "ping");
    return all;
  }

  /** Answer each `subscribe` as a gateway does that serves these, with a snapshot of each. */
  answer(served, { seq = 1, socket = this.socket } = {}) {
    for (const { type, id, symbols, snapshot = true, since = {}, conflate } of this.heard(socket)) {
      if (type === "unsubscribe") this.say({ type: "unsubscribed", symbols, id }, socket);
      if (type !== "subscribe") continue;
      const meant = symbols.flatMap((name) => (name === "*" ? Object.values(served) : (served[name] ?? [])));
      this.say({ type: "subscribed", symbols: [...new Set(meant)], id }, socket);
      if (!snapshot) continue;
      for (const symbol of new Set(meant)) {
        if (conflate === false && symbol in since) continue;
        this.say({ ...this.tick(symbol, seq), type: "snapshot" }, socket);
      }
    }
  }

  tick(symbol, seq, fields = {}) {
    return {
      type: "tick", symbol, seq, bid: seq * 10, ask: seq * 10 + 1, price_scale: 2, size_scale: 5, recv_us: this.time.us,
      ...fields,
    };
  }

  /** The connection ends. */
  async end(code = 1006, reason = "", socket = this.socket) {
    socket.readyState = 3;
    socket.onclose?.({ code, reason });
    await settled();
  }
}

export const BOTH = { BTC: "BTCUSDT", BTCUSDT: "BTCUSDT", ETH: "ETHUSDT", ETHUSDT: "ETHUSDT" };
