// Compiled by `tsc`, never run: what a program in TypeScript may write, and what it may not.

import { connect, formatPrice, type Price, type Stats } from "tickgate-client";

const stream = connect("wss://prices.example.com/ws", { token: async () => "abc", shared: true });

const subscription = stream.subscribe(["BTC"], (tick) => formatPrice(tick.bid, tick.price_scale), {
  maxHz: 5,
  onState: ({ symbol, state, reason }) => `${symbol} ${state} ${reason}`,
  onGap: ({ from_seq, to_seq = Infinity }) => to_seq - from_seq,
});
const names: string[] = subscription.symbols;

stream.subscribe("*", (ticks) => ticks.map((tick) => tick.symbol), { batch: true });
stream.subscribe("BTC", (stats: Stats) => stats.high, { channel: "stats" });

async function loops(): Promise<void> {
  for await (const tick of stream.subscribe("BTC", { conflate: false })) show(tick);
  for await (const ticks of stream.subscribe("BTC", { batch: true })) ticks.forEach(show);
}

function show(tick: Price): string {
  const { state, last } = stream.symbol(tick.symbol);
  if (stream.state.name === "waiting") return stream.state.reason;
  // @ts-expect-error a side may be without a price
  const bid: number = tick.bid;
  // @ts-expect-error there is no such state
  if (state === "fine") return "";
  return `${bid} ${last?.seq}`;
}

const off: () => void = stream.on("status", ({ feed, source }) => `${feed} ${source}`);
// @ts-expect-error there is no such event
stream.on("tick", off);
// @ts-expect-error a handler of single ticks gets no arrays
stream.subscribe("BTC", (tick: Price) => tick.bid, { batch: true });

export { loops, names };
