// The messages between client and gateway. Made of the gateway's code by `make reference`; do not edit.

export type SymbolState = "live" | "stale" | "halted" | "delisted" | "unknown";

export type ErrorCode = "bad_json" | "bad_message" | "wrong_frame" | "unknown_command" | "unknown_symbol" | "too_many_symbols" | "too_many_options" | "unauthorised" | "forbidden" | "expired" | "revoked" | "rate_limited" | "too_many_connections" | "try_later" | "too_many_errors";

/**
 * Send me these symbols: a snapshot of each now, then every change. The options are those of the named symbols, and
 * replace earlier ones; an option that is absent or null has its default. Other symbols keep theirs. One connection
 * has four different sets of options at most.
 */
export interface SubscribeCommand {
  type: "subscribe";
  /**
   * Symbols, aliases, or `["*"]` for all. `BTC` means `BTCUSDT`, and so does `BTC/USDT`, also with - or _ as the
   * separator, unless a symbol has that very name. The case of A to Z does not matter.
   */
  symbols: string[];
  /**
   * What to send of the symbols. `ticker`, the default, is best bid and ask, last price and volume. `stats` are the
   * figures of the last 24 hours. A symbol can be held in both, with options of its own in each.
   */
  channel?: "stats" | "ticker" | null;
  /**
   * Whether to send the last value of each symbol at once. Default true.
   */
  snapshot?: boolean | null;
  /**
   * One `ticks` message per flush instead of one `tick` per symbol. Default false.
   */
  batch?: boolean | null;
  /**
   * The most updates per symbol and second, the newest each time; by default every one. Rounded down to 0.1, 0.2, 0.5,
   * 1, 2, 5, 10, 20, 25 or 50.
   */
  max_hz?: number | null;
  /**
   * Default true. False sends every single tick, in order, whatever `max_hz` says. A client that cannot keep up is
   * closed with 4408.
   */
  conflate?: boolean | null;
  /**
   * With `conflate` false: of symbols in `symbols` the `seq` of the last tick that you have. What you missed follows,
   * in place of a snapshot. See [Resuming](#resuming).
   */
  since?: Record<string, number> | null;
  /**
   * `decimal` sends prices and sizes as exact decimal strings, without scales. Default `scaled`: integers.
   */
  numbers?: "decimal" | "scaled" | null;
  /**
   * Your own mark on the command; its answer repeats it. `null` means none.
   */
  id?: string | number | null;
}

/**
 * Stop sending these symbols; `["*"]` means all.
 */
export interface UnsubscribeCommand {
  type: "unsubscribe";
  /**
   * As in `subscribe`.
   */
  symbols: string[];
  /**
   * The channel in which to stop; `ticker` by default. What is held in another stays.
   */
  channel?: "stats" | "ticker" | null;
  /**
   * Your own mark on the command; its answer repeats it. `null` means none.
   */
  id?: string | number | null;
}

/**
 * Which symbols do I hold?
 */
export interface ListCommand {
  type: "list";
  /**
   * Your own mark on the command; its answer repeats it. `null` means none.
   */
  id?: string | number | null;
}

/**
 * Which symbols are there? Those that this gateway serves and the token allows, whether or not I hold them.
 */
export interface ListSymbolsCommand {
  type: "symbols";
  /**
   * Your own mark on the command; its answer repeats it. `null` means none.
   */
  id?: string | number | null;
}

/**
 * Are you there? (For clients that cannot send WebSocket pings, such as browsers.)
 */
export interface PingCommand {
  type: "ping";
  /**
   * Your own mark on the command; its answer repeats it. `null` means none.
   */
  id?: string | number | null;
}

/**
 * This is my token: the first message if the handshake had none, later a token that lasts longer.
 */
export interface AuthCommand {
  type: "auth";
  /**
   * A JSON Web Token.
   */
  token: string;
  /**
   * Your own mark on the command; its answer repeats it. `null` means none.
   */
  id?: string | number | null;
}

export type AnyCommand =
  | SubscribeCommand
  | UnsubscribeCommand
  | ListCommand
  | ListSymbolsCommand
  | PingCommand
  | AuthCommand;

export interface TickFields {
  /**
   * The symbol's full name.
   */
  symbol: string;
  /**
   * Strictly increasing per symbol, also across restarts of the poller, unless the numbering begins anew.
   */
  seq: number;
  /**
   * The best bid, at `price_scale`.
   */
  bid?: number;
  /**
   * The best ask, at `price_scale`.
   */
  ask?: number;
  /**
   * The size at the best bid, at `size_scale`.
   */
  bid_size?: number;
  /**
   * The size at the best ask, at `size_scale`.
   */
  ask_size?: number;
  /**
   * The price of the last trade, at `price_scale`.
   */
  last?: number;
  /**
   * The volume of the last 24 hours, in the base asset, at `size_scale`.
   */
  volume?: number;
  /**
   * The real price is `bid / 10^price_scale`.
   */
  price_scale: number;
  /**
   * The real size is `bid_size / 10^size_scale`.
   */
  size_scale: number;
  /**
   * When the exchange says it happened, microseconds since the Unix epoch.
   */
  event_us?: number;
  /**
   * When the poller received it, microseconds since the Unix epoch; latency is measured from here.
   */
  recv_us: number;
  /**
   * The exchange's own number of the quote (Binance: `u`). Ticks with the same one have the same quote. Absent if the
   * exchange does not number quotes, or if this one came by REST.
   */
  update_id?: number;
}

/**
 * One update of one symbol. What the exchange did not give is absent.
 */
export interface Tick extends TickFields {
  type: "tick";
}

/**
 * The last value of a symbol, after `subscribe`.
 */
export interface Snapshot extends TickFields {
  type: "snapshot";
}

/**
 * One flush of a subscription with `batch`.
 */
export interface TicksMessage {
  type: "ticks";
  ticks: TickFields[];
}

/**
 * The figures of one symbol over the last 24 hours, on the channel `stats`: what is known of them.
 */
export interface Stats {
  type: "stats";
  /**
   * The symbol's full name.
   */
  symbol: string;
  /**
   * When the exchange sent them, or when they were received if it does not say; microseconds since the Unix epoch.
   */
  ts_us: number;
  /**
   * The price 24 hours ago.
   */
  open?: string;
  /**
   * The highest price.
   */
  high?: string;
  /**
   * The lowest price.
   */
  low?: string;
  /**
   * The newest price.
   */
  last?: string;
  /**
   * What was traded, in the base asset.
   */
  volume?: string;
  /**
   * What was traded, in the quote asset.
   */
  quote_volume?: string;
  /**
   * `last` less `open`.
   */
  change?: string;
  /**
   * The same in percent of `open`.
   */
  change_percent?: string;
  /**
   * The mean price, weighted by volume.
   */
  weighted?: string;
  /**
   * The last price before the 24 hours.
   */
  prev_close?: string;
  /**
   * The size of the newest trade.
   */
  last_size?: string;
  /**
   * Where the 24 hours begin, microseconds since the Unix epoch.
   */
  open_us?: number;
  /**
   * Where they end, microseconds since the Unix epoch.
   */
  close_us?: number;
  /**
   * The number of the first trade in them.
   */
  first_id?: number;
  /**
   * The number of the newest trade.
   */
  last_id?: number;
  /**
   * How many trades there were.
   */
  trades?: number;
}

/**
 * One flush of a subscription of `stats` with `batch`.
 */
export interface StatsBatch {
  type: "stats_batch";
  stats: Omit<Stats, "type">[];
}

export interface ServedSymbol {
  /**
   * The full name, as in ticks.
   */
  symbol: string;
  /**
   * The venue, as in `status`.
   */
  venue: string;
  /**
   * As in `symbol_status`, but `stale` also if the symbol is live and its venue is stale.
   */
  state: SymbolState;
  /**
   * Short names that mean this symbol in a command. Absent if there are none.
   */
  aliases?: string[];
  /**
   * The decimals of its prices, as in its last tick. Absent before the first tick.
   */
  price_scale?: number;
  /**
   * The decimals of its sizes, as in its last tick. Absent before the first tick.
   */
  size_scale?: number;
}

/**
 * The first message of a connection.
 */
export interface WelcomeMessage {
  type: "welcome";
  /**
   * A UUID; every log line about this client carries it.
   */
  client: string;
  /**
   * A client that sends nothing, not even a pong, for 1 to 1.5 times this many seconds counts as dead.
   */
  heartbeat_s: number;
  /**
   * The gateway's name, another one after each start; operators see at `/ops` which that is.
   */
  gateway: string;
  /**
   * The gateway's clock when it wrote this; Unix time, microseconds. Gateways up to 0.2.0 do not say it.
   */
  server_us?: number;
}

/**
 * The answer to `subscribe`.
 */
export interface SubscribedMessage {
  type: "subscribed";
  /**
   * The symbols of the command that are now held, by their full names, in its order.
   */
  symbols: string[];
  /**
   * That of the command, if it was not `ticker`.
   */
  channel?: "stats" | "ticker";
  /**
   * That of the command.
   */
  id?: string | number;
}

/**
 * Ticks that you missed are not known here. The symbol's `snapshot` follows, then every change.
 */
export interface GapMessage {
  type: "gap";
  /**
   * The symbol's full name.
   */
  symbol: string;
  /**
   * The first number that you lack.
   */
  from_seq: number;
  /**
   * The last one: one less than that of the snapshot. It is absent if nobody knows what is missing: the numbering of
   * the symbol has begun anew, or the gateway has had no tick of it yet.
   */
  to_seq?: number;
}

/**
 * The answer to `unsubscribe`. Also sent after `SYMBOLS` has changed: these are no longer served.
 */
export interface UnsubscribedMessage {
  type: "unsubscribed";
  /**
   * The symbols that were held and are no longer.
   */
  symbols: string[];
  /**
   * The channel in which they were held, if it was not `ticker`.
   */
  channel?: "stats" | "ticker";
  /**
   * That of the command.
   */
  id?: string | number;
}

/**
 * The answer to `list`.
 */
export interface SubscriptionsMessage {
  type: "subscriptions";
  /**
   * Everything that this connection holds in channel `ticker`.
   */
  symbols: string[];
  /**
   * Channel → what it holds there, for the other channels; absent if that is nothing.
   */
  channels?: Record<string, string[]>;
  /**
   * That of the command.
   */
  id?: string | number;
}

/**
 * The answer to `symbols`. `GET /v1/symbols` gives the same list, whole, as `{"symbols":[...]}`.
 */
export interface ServedSymbolsMessage {
  type: "symbols";
  /**
   * The symbols that this gateway serves and the token allows, in the gateway's order; at most 500 in one message.
   */
  symbols: ServedSymbol[];
  /**
   * True if another message with more of them follows at once; else absent.
   */
  more?: boolean;
  /**
   * That of the command.
   */
  id?: string | number;
}

/**
 * Whether a venue's prices are live: sent after `welcome` for each venue with symbols, and at every change. If the
 * gateway stops serving a venue, the last status of it says so: `stale`, and `served` is false. Forget the venue then.
 * If it is served again, a status without `served` comes.
 */
export interface StatusMessage {
  type: "status";
  /**
   * `stale` says that the prices of all symbols of the venue may be old.
   */
  feed: "live" | "stale";
  /**
   * Why it is stale, or what is unusual; else empty.
   */
  reason: string;
  /**
   * `binance-ws`, `binance-rest`, `coinbase-ws`, `simulated`, `replay` or another word. It is empty before the first
   * heartbeat of a poller.
   */
  source: string;
  /**
   * Since when; Unix time, microseconds.
   */
  since_us: number;
  /**
   * The venue. Its symbols have this name and a colon in front; those of `binance` have nothing in front.
   */
  venue: string;
  /**
   * False if this gateway has no symbol of the venue any more; else absent.
   */
  served?: boolean;
}

/**
 * Whether the price of one symbol is current: sent behind its snapshot if it is not live, and at every change. A
 * `status` of `stale` says it of all symbols of its venue; none of these is sent then.
 */
export interface SymbolStatusMessage {
  type: "symbol_status";
  /**
   * The symbol's full name.
   */
  symbol: string;
  /**
   * See [states](#states-of-symbols).
   */
  state: SymbolState;
  /**
   * Why it is not live. If it is live: empty, or what is unusual.
   */
  reason: string;
  /**
   * Since when; Unix time, microseconds.
   */
  since_us: number;
}

/**
 * The answer to `auth`: the token counts from now on, in place of the one before.
 */
export interface AuthenticatedMessage {
  type: "authenticated";
  /**
   * Whose token it is; empty if no token is needed.
   */
  subject: string;
  /**
   * When the connection is closed with 4401 unless another `auth` comes before; Unix time, microseconds.
   */
  expires_us?: number;
  /**
   * That of the command.
   */
  id?: string | number;
}

/**
 * Your token ends soon; send `auth` with another.
 */
export interface ExpiringMessage {
  type: "expiring";
  /**
   * When it ends; Unix time, microseconds.
   */
  expires_us: number;
}

/**
 * You did not read fast enough: newer ticks have replaced some, and come as you read.
 */
export interface LagMessage {
  type: "lag";
  /**
   * Ticks that are never sent because a newer one of the same symbol replaced them while the client was slow. They are
   * of all symbols that the client then held with `conflate`, and each is counted by one notice. Not counted are a
   * tick still to be sent, the one that was due when its symbol was unsubscribed, and what `max_hz` leaves out while
   * the client is not slow. Once the client holds no symbol with `conflate`, it gets no more notices of them.
   */
  conflated: number;
}

/**
 * The answer to `ping`.
 */
export interface PongMessage {
  type: "pong";
  /**
   * As in `welcome`. With the time of your `ping` and of this it tells your clock from the gateway's: see [ages across
   * machines](#ages-across-machines).
   */
  server_us?: number;
  /**
   * That of the command.
   */
  id?: string | number;
}

/**
 * What was wrong with a message. The connection stays unless a close frame follows. A subscribe that is partly wrong
 * does what is right, and each error names what is not.
 */
export interface ErrorMessage {
  type: "error";
  /**
   * See [error codes](#error-codes).
   */
  code: ErrorCode;
  /**
   * What was wrong, in words.
   */
  message: string;
  /**
   * That of the command, if it could be read.
   */
  id?: string | number;
}

/**
 * This gateway is going away: connect again, to any gateway, after so long.
 */
export interface ShutdownMessage {
  type: "shutdown";
  /**
   * How long to wait before, in milliseconds.
   */
  reconnect_after_ms: number;
}

export type AnyMessage =
  | Tick
  | Snapshot
  | TicksMessage
  | Stats
  | StatsBatch
  | WelcomeMessage
  | SubscribedMessage
  | GapMessage
  | UnsubscribedMessage
  | SubscriptionsMessage
  | ServedSymbolsMessage
  | StatusMessage
  | SymbolStatusMessage
  | AuthenticatedMessage
  | ExpiringMessage
  | LagMessage
  | PongMessage
  | ErrorMessage
  | ShutdownMessage;
