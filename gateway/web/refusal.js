// Why a gateway refuses this page. A browser hides the answer to a WebSocket's handshake, so it is asked for by plain HTTP.

const ASK_TIMEOUT_MS = 5_000;
const LONGEST = 300;

/** Why the WebSocket at `url` is refused, in the gateway's words; empty if it is not, or if there is no answer. */
export async function whyRefused(url) {
  try {
    const answer = await fetch(url.replace(/^ws/, "http"), {
      method: "OPTIONS", // with it, as with a handshake, a browser says whose page asks
      cache: "no-store",
      signal: AbortSignal.timeout(ASK_TIMEOUT_MS),
    });
    const { error } = answer.ok ? {} : await answer.json();
    return typeof error === "string" ? error.slice(0, LONGEST) : "";
  } catch {
    return ""; // nobody answers, or what answers is no gateway
  }
}
