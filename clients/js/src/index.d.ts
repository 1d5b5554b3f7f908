// What `tickgate-client` exports.

import type { ErrorCode, GapMessage, LagMessage, ServedSymbol, Stats, StatusMessage, SymbolState, TickFields } from "./protocol/messages.js";

export type * from "./protocol/messages.js";

/** A tick or a snapshot: scaled integers, to be shown with `formatPrice`. */
export type Price = TickFields & { type?: "tick" | "snapshot" };

export interface ConnectOptions {
  /**
   * A JSON Web Token, or a function that gives one. The function is called at each connect and before a token expires;
   * with a string the stream ends when that expires.
   */
  token?: string | (() => string | Promise<string>);
  /** The WebSocket class, where the runtime has none: that of the package `ws` in Node 18 and 20. */
  WebSocket?: unknown;
  /** Whether all who connect to this URL with `shared` have one connection. It ends when the last of them closes. */
  shared?: boolean;
}

/**
 * Connect, and stay connected until `close`. It does not wait: subscribe at once.
 *
 * The URL may have a query. A connection that is made again adds `attempt=1`, `attempt=2` … behind it, for the gateway's
 * metrics, unless `attempt` is there already.
 */
export function connect(url: string | URL, options?: ConnectOptions): Stream;

export type ConnectionState =
  | { name: "connecting" }
  /** Prices come. */
  | { name: "open" }
  /** The connection is open, and nothing comes: what is known counts as stale. */
  | { name: "silent" }
  /** It ended, and is made again at `untilMs` of `performance.now()`. */
  | { name: "waiting"; reason: string; code: number; untilMs: number }
  /** It ended for good: `close` was called, or another attempt cannot help. */
  | { name: "closed"; reason: string; code: number };

/** The state of one symbol: of the connection, of its venue, and of its own. */
export interface SymbolStateChange {
  symbol: string;
  state: SymbolState;
  /** Why it is not live. If it is live: empty, or what is unusual. */
  reason: string;
  /** Since when, by the gateway: microseconds since 1970. */
  sinceUs?: number;
}

export interface SymbolView<Value = Price> extends SymbolStateChange {
  /** The last value; undefined before the first. */
  last: Value | undefined;
  /** `binance-ws`, `simulated` …; empty if unknown. */
  source: string;
}

export interface StreamError {
  /** `rate_limited` and `try_later` are cured by the client itself. */
  code: ErrorCode;
  message: string;
  /** The name that was refused, and its channel; absent if the error is about no subscription. */
  name?: string;
  channel?: string;
}

export interface SubscribeOptions {
  /** The most updates per symbol and second, the newest each time: 0.1 to 50. By default every one. */
  maxHz?: number;
  /** Whether the handler gets arrays: all ticks that came together. */
  batch?: boolean;
  /** False sends every single tick, in order, over lost connections too; see `onGap`. Default true: the newest counts. */
  conflate?: boolean;
  /** `ticker`, the default, or `stats`. */
  channel?: string;
  /** The state of one of the symbols is another, or known for the first time. */
  onState?: (change: SymbolStateChange) => void;
  /** With `conflate: false`: ticks are missing that no gateway has any more. A snapshot follows. */
  onGap?: (gap: GapMessage) => void;
  /** One of the names was refused, such as an unknown symbol. It is asked for again on the next connection. */
  onError?: (error: StreamError) => void;
}

export interface Subscription<Value = Price> extends AsyncIterable<Value> {
  /** The names as they were asked for. */
  readonly names: string[];
  /** Full names of the symbols that they mean, as far as the gateway has said. */
  readonly symbols: string[];
  readonly closed: boolean;
  /** The last value and the state of one of its symbols. */
  symbol(name: string): SymbolView;
  unsubscribe(): void;
}

export interface Clock {
  /** The gateway's time, estimated: microseconds since 1970. */
  nowUs(): number;
  /** How wrong that may be, in milliseconds; Infinity while it is this machine's own clock. */
  readonly uncertaintyMs: number;
  /** How far the gateway's clock is ahead of this machine's, in milliseconds. */
  readonly offsetMs: number;
}

export interface Events {
  state: ConnectionState;
  status: StatusMessage;
  gap: GapMessage;
  /** This client did not read fast enough. */
  lag: LagMessage;
  error: StreamError;
}

export interface Stream {
  readonly state: ConnectionState;
  /** The last status of each venue. */
  readonly venues: Map<string, StatusMessage>;
  readonly clock: Clock;
  /** Handlers are called in the order in which messages come; a symbol that others hold already begins with its last value. */
  subscribe(symbols: string | string[], handler: (value: Price) => void, options?: SubscribeOptions & { batch?: false }): Subscription;
  subscribe(symbols: string | string[], handler: (values: Price[]) => void, options: SubscribeOptions & { batch: true }): Subscription<Price[]>;
  subscribe(symbols: string | string[], handler: (value: Stats) => void, options: SubscribeOptions & { channel: "stats" }): Subscription<Stats>;
  /** Without a handler: `for await (const tick of stream.subscribe("BTC"))`. Leaving the loop unsubscribes. */
  subscribe(symbols: string | string[], options?: SubscribeOptions & { batch?: false }): Subscription;
  subscribe(symbols: string | string[], options: SubscribeOptions & { batch: true }): Subscription<Price[]>;
  /** The last value and the state of a symbol that somebody is subscribed to. */
  symbol(name: string, channel?: string): SymbolView;
  /** The symbols that the gateway serves and the token allows. */
  symbols(): Promise<ServedSymbol[]>;
  /** How long ago the poller received it, in milliseconds by the gateway's clock; see `clock.uncertaintyMs`. */
  ageMs(price: { recv_us: number }): number;
  /** Call `handler` at each event; returns what takes it away. */
  on<Name extends keyof Events>(name: Name, handler: (event: Events[Name]) => void): () => void;
  close(): void;
}

/**
 * The decimal string of `value / 10 ** scale`, exactly: `formatPrice(tick.bid, tick.price_scale)`.
 *
 * An absent value, such as a side without a price, is "".
 */
export function formatPrice(value: number | bigint | null | undefined, scale: number): string;
