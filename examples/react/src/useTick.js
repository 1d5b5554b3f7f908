import { useEffect, useState } from "react";
import { connect } from "tickgate-client";

/**
 * The last price and the state of one symbol, as long as the component is there: { symbol, last, state, reason, source }.
 *
 * Many components share one connection. `maxHz` is how often the component is drawn at most. `token` and `WebSocket`
 * of `connect` go into `options`, which must be the same object each time.
 */
export function useTick(url, symbol, maxHz = 10, options = undefined) {
  const [view, setView] = useState({ symbol, last: undefined, state: "stale", reason: "connecting", source: "" });
  useEffect(() => {
    const stream = connect(url, { ...options, shared: true });
    const show = () => setView(stream.symbol(symbol));
    const refused = ({ message }) => setView({ symbol, last: undefined, state: "unknown", reason: message, source: "" });
    stream.subscribe([symbol], show, { maxHz, onState: show, onError: refused });
    return () => stream.close();
  }, [url, symbol, maxHz, options]);
  return view;
}
