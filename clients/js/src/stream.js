// One stream of prices: what its callers subscribe to, over a connection that is made again whenever it ends.

import { Clock } from "./connection/clock.js";
import { Connection } from "./connection/connection.js";
import { Events } from "./events.js";
import { Listings } from "./protocol/listings.js";
import { TICKER } from "./protocol/options.js";
import { Prices } from "./prices/prices.js";
import { Routes } from "./subscription/routes.js";
import { States, troubleOf } from "./prices/states.js";
import { askedFor, Subscription } from "./subscription/subscription.js";
import { Token } from "./connection/token.js";
import { wantedBy } from "./protocol/wants.js";
import { Wire } from "./protocol/wire.js";

const REVIEW_MS = 200; // of states that change by time alone

export class Stream {
  #time;
  #connection;
  #wire;
  #clock;
  #states;
  #prices = new Prices();
  #subscriptions = new Set();
  #routes = new Routes();
  #events = new Events(["state", "status", "gap", "lag", "error"]);
  #every = new Set(); // symbols of which this connection sends every tick
  #reviewing = null;
  #listings;

  /** @param {string} url @param {{ token?: any, WebSocket: any, time: any }} how */
  constructor(url, { token, WebSocket, time }) {
    this.#time = time;
    this.#clock = new Clock(time);
    this.#states = new States(time, this.#clock);
    const send = (message) => this.#connection.send(message);
    this.#listings = new Listings(send);
    this.#wire = new Wire(
      {
        send,
        resolved: () => this.#resolved(),
        subscribed: (channel, symbol, how) => this.#subscribed(channel, symbol, how),
        refused: (error) => this.#refused(error),
        gap: (gap) => this.#gap(gap),
        followed: () => this.#prices.followed(),
        position: (symbol) => this.#prices.position(symbol),
      },
      time,
    );
    this.#connection = new Connection(url, {
      WebSocket,
      time,
      clock: this.#clock,
      token: new Token(token),
      listener: {
        opened: ({ planned }) => this.#opened(planned),
        received: (message) => this.#received(message),
        changed: (state, graceMs) => this.#changed(state, graceMs),
      },
    });
    this.#connection.start();
  }

  /** @returns {import("./index.js").ConnectionState} */
  get state() {
    return this.#connection.state;
  }

  get venues() {
    return new Map(this.#states.venues);
  }

  get clock() {
    return this.#clock;
  }

  subscribe(symbols, handler, options) {
    if (this.state.name === "closed") throw new Error(`this stream is closed: ${this.state.reason}`);
    const subscription = new Subscription(askedFor(symbols, handler, options), this.#time, {
      left: (one) => this.#left(one),
      view: (one, name) => this.#view(one.channel, name),
    });
    this.#subscriptions.add(subscription);
    this.#plan();
    return subscription;
  }

  symbol(name, channel = TICKER) {
    return this.#view(channel, name);
  }

  ageMs(tick) {
    return (this.#clock.nowUs() - tick.recv_us) / 1000;
  }

  symbols() {
    return this.#listings.ask();
  }

  on(event, handler) {
    return this.#events.on(event, handler);
  }

  close() {
    this.#connection.close();
  }

  // Callers come and go in one go, as components of a page do: one command for all of them.
  #planPending = false;
  #plan() {
    if (this.#planPending) return;
    this.#planPending = true;
    queueMicrotask(() => {
      this.#planPending = false;
      for (const subscription of this.#subscriptions) this.#tellRefusals(subscription);
      this.#wire.want(wantedBy(this.#subscriptions));
      this.#resolved();
    });
  }

  // Others have asked for the same name, in vain.
  #tellRefusals(subscription) {
    if (subscription.planned) return;
    subscription.planned = true;
    for (const name of subscription.names) {
      const refusal = this.#wire.refusalOf(subscription.channel, name);
      if (refusal !== undefined) subscription.refused(refusal);
    }
  }

  #left(subscription) {
    this.#subscriptions.delete(subscription);
    this.#plan();
  }

  // Routes are made anew; who came to a symbol that others hold already gets its last value.
  #resolved() {
    const { added, gone } = this.#routes.make(this.#subscriptions, this.#wire);
    for (const { channel, symbol } of gone) {
      if (channel !== TICKER) continue;
      this.#states.forget(symbol);
      this.#prices.unfollow(symbol);
    }
    if (gone.length > 0) this.#prices.keep((channel, symbol) => this.#routes.has(channel, symbol));
    for (const { subscription, symbol } of added) {
      if (!subscription.options.conflate && this.#prices.position(symbol) === undefined) subscription.wait(symbol);
      else this.#offerLast(subscription, symbol);
    }
    this.#review();
  }

  #offerLast(subscription, symbol) {
    const last = this.#prices.last(subscription.channel, symbol);
    if (last === undefined || subscription.closed) return;
    subscription.offer(last, 0);
    subscription.flush();
  }

  #subscribed(channel, symbol, { every, resumed }) {
    if (channel !== TICKER) return;
    if (every) this.#every.add(symbol);
    else {
      this.#every.delete(symbol);
      this.#prices.unfollow(symbol);
    }
    if (!resumed) return;
    this.#states.resumed(symbol);
    this.#reviewOne(symbol);
    this.#reviewLater();
  }

  #opened(planned) {
    this.#every.clear();
    this.#states.opened(planned);
    this.#listings.opened();
    this.#wire.opened();
    this.#review();
  }

  #changed(state, graceMs) {
    const { name } = state;
    this.#states.troubled(troubleOf(state), graceMs);
    if (name !== "open" && name !== "silent") this.#wire.lost();
    this.#review();
    this.#events.say("state", state);
    if (name === "closed") this.#ended(state);
  }

  #ended({ reason, code }) {
    const error = code === 1000 ? undefined : new Error(reason);
    for (const subscription of this.#subscriptions) subscription.end(error);
    this.#listings.end(`closed: ${reason}`);
    this.#subscriptions.clear();
    this.#time.clearTimeout(this.#reviewing);
  }

  #received(message) {
    switch (message.type) {
      case "tick":
      case "snapshot":
        this.#tick(message);
        this.#routes.flush();
        return;
      case "ticks":
        for (const tick of message.ticks) this.#tick(tick);
        this.#routes.flush();
        return;
      case "status":
        this.#states.venue(message);
        this.#review();
        return this.#events.say("status", message);
      case "symbol_status":
        this.#states.symbol(message);
        return this.#reviewOne(message.symbol);
      case "gap":
        return this.#gap(message);
      case "lag":
        return this.#events.say("lag", message);
    }
    if (this.#wire.received(message) || this.#listings.received(message)) return;
    if (message.type === "error") this.#events.say("error", { code: message.code, message: message.message });
    else if (message.symbol !== undefined) this.#values(message.type, [message]);
    else {
      const channel = /^(.+)_batch$/.exec(message.type)?.[1];
      // In a batch the kind is told once.
      if (channel !== undefined) this.#values(channel, message[channel].map((value) => ({ type: channel, ...value })));
    }
  }

  #tick(tick) {
    const { symbol } = tick;
    const fresh = this.#prices.put(TICKER, tick);
    if (this.#states.priced(tick)) this.#reviewOne(symbol);
    // Where every tick comes, a snapshot is a beginning, or what another caller's wish has brought.
    const goesOn = this.#prices.position(symbol) !== undefined;
    const begins = tick.type === "snapshot" && !goesOn;
    const follows = this.#every.has(symbol) && (tick.type === "snapshot" ? begins : goesOn);
    if (follows) this.#prices.follow(symbol, tick.seq);
    for (const { subscription, everyMs } of this.#routes.to(TICKER, symbol)) {
      // Who wants every tick gets what belongs together, from a snapshot on; others get nothing older than they have.
      const due = subscription.options.conflate
        ? fresh || subscription.isNew(symbol)
        : follows && (begins || !subscription.isWaiting(symbol));
      if (due) this.#routes.offer(subscription, tick, everyMs);
    }
  }

  // Another channel's messages have its name as their type.
  #values(channel, values) {
    for (const value of values) {
      if (!this.#routes.has(channel, value.symbol)) continue;
      const fresh = this.#prices.put(channel, value);
      for (const { subscription, everyMs } of this.#routes.to(channel, value.symbol)) {
        if (fresh || subscription.isNew(value.symbol)) this.#routes.offer(subscription, value, everyMs);
      }
    }
    this.#routes.flush();
  }

  #gap(gap) {
    this.#prices.unfollow(gap.symbol); // until the snapshot
    for (const { subscription } of this.#routes.to(TICKER, gap.symbol)) {
      if (!subscription.options.conflate && !subscription.isWaiting(gap.symbol)) subscription.gap(gap);
    }
    this.#events.say("gap", gap);
  }

  #refused(error) {
    for (const subscription of this.#subscriptions) {
      if (subscription.channel === error.channel && subscription.names.includes(error.name)) subscription.refused(error);
    }
    this.#events.say("error", error);
  }

  #view(channel, name) {
    const [symbol = name] = this.#wire.symbolsOf(channel, name);
    const last = this.#prices.last(channel, symbol);
    return { symbol, last, ...this.#states.of(symbol), source: this.#states.sourceOf(symbol) };
  }

  #review() {
    for (const symbol of this.#routes.symbols(TICKER)) this.#reviewOne(symbol);
    if (this.#states.unsettled) this.#reviewLater();
  }

  #reviewLater() {
    this.#reviewing ??= this.#time.setTimeout(() => {
      this.#reviewing = null;
      this.#review();
    }, REVIEW_MS);
  }

  #reviewOne(symbol) {
    const state = this.#states.of(symbol);
    for (const { subscription } of this.#routes.to(TICKER, symbol)) subscription.review(symbol, state);
  }
}
