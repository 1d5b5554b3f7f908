import { StrictMode, useState } from "react";
import { createRoot } from "react-dom/client";
import { formatPrice } from "tickgate-client";

import { useTick } from "./useTick.js";

// ?url=wss://prices.example.com/ws, or the gateway that `tickgate run` starts.
const URL_OF_GATEWAY = new URLSearchParams(location.search).get("url") ?? "ws://127.0.0.1:8080/ws";

function Row({ name }) {
  const { symbol, last, state, reason, source } = useTick(URL_OF_GATEWAY, name, 5);
  return (
    <tr data-symbol={symbol} data-state={state} title={reason}>
      <th scope="row">{symbol}</th>
      <td>{formatPrice(last?.bid, last?.price_scale ?? 0)}</td>
      <td>{formatPrice(last?.ask, last?.price_scale ?? 0)}</td>
      <td>{state === "live" && source === "simulated" ? "simulated" : state}</td>
    </tr>
  );
}

function Prices() {
  const [names, setNames] = useState(["BTC", "ETH", "SOL"]);
  return (
    <>
      <table>
        <thead>
          <tr>
            <th scope="col">Symbol</th>
            <th scope="col">Bid</th>
            <th scope="col">Ask</th>
            <th scope="col">State</th>
          </tr>
        </thead>
        <tbody>
          {names.map((name) => (
            <Row key={name} name={name} />
          ))}
        </tbody>
      </table>
      <button onClick={() => setNames(names.slice(0, -1))}>One less</button>
    </>
  );
}

createRoot(document.getElementById("prices")).render(
  <StrictMode>
    <Prices />
  </StrictMode>,
);
