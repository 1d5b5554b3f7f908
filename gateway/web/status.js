// What the page says of itself: whether its prices can be believed, and what is most worth saying.

import { timeOfDay } from "./figures.js";

/** The state of the page and its word, of the connection's state and the venues'. */
export function stateOf(connection, feeds, hasRows) {
  if (connection.refusal) return ["refused", "Refused"];
  switch (connection.name) {
    case "ended":
      return ["ended", "Stopped"];
    case "waiting":
      return ["reconnecting", "Reconnecting"];
    case "connecting":
      return hasRows ? ["reconnecting", "Reconnecting"] : ["connecting", "Connecting"];
  }
  return feeds.state;
}

/** What is most worth saying: its kind, the words, and what stands behind them. `told` is an answer to the reader. */
export function noticeOf(state, connection, feeds, { hasRows, told, expires }) {
  if (state === "ended") {
    return ["bad", connection.reason, connection.locked ? "" : "This page does not try again by itself."];
  }
  if (state === "reconnecting" || state === "refused") {
    const seconds = connection.name === "waiting" ? Math.max(0, connection.until - performance.now()) / 1000 : 0;
    const next = seconds >= 1 ? `Next attempt in ${Math.ceil(seconds)} s.` : "Trying now.";
    const reason = connection.refusal
      ? `The gateway refuses this page: ${connection.refusal}.`
      : connection.reason || "Connecting to the gateway again.";
    return [state === "refused" ? "bad" : "stale", reason, `${hasRows ? "Prices below may be old. " : ""}${next}`];
  }
  if (told) return ["told", told, ""];
  const notices = feeds.notices;
  if (expires && !notices.some(([kind]) => kind === "stale")) {
    return ["stale", "Your token is about to end.", `At ${timeOfDay(expires * 1e6)} this page will ask for another.`];
  }
  return [notices[0]?.[0] ?? "none", notices.map(([, words]) => words).join("; "), ""];
}
