// What to do after the end of a connection, by its close code (docs/protocol.md, "Close codes").

const REASONS = {
  1006: "the connection was lost",
  1009: "a message was larger than the gateway takes",
  1012: "the gateway is going away",
  1013: "the gateway cannot check the token now",
  4401: "the token was refused, or has expired",
  4403: "the token is of another subject",
  4408: "too slow for what was subscribed to",
  4409: "no token in time",
  4410: "an operator has ended the connections of this subject",
  4429: "too many messages, errors or connections",
};

// Attempts that a 4429 counts as: who was sent away for its rate comes back slowly.
const AFTER_TOO_MANY = 3;

/**
 * @param {number} code
 * @param {{ renewable: boolean }} token Whether another token can be had.
 * @returns {{ again: "at once" | "with backoff" | "never", attempts: number }} `attempts` are those to count as failed.
 */
export function afterClose(code, { renewable }) {
  if (code === 1012) return { again: "at once", attempts: 0 };
  if (code === 1009 || code === 4410) return { again: "never", attempts: 0 };
  if (code === 4401 || code === 4403) return { again: renewable ? "with backoff" : "never", attempts: 0 };
  return { again: "with backoff", attempts: code === 4429 ? AFTER_TOO_MANY : 0 };
}

/** @param {number} code @param {string} [said] What came with the code. */
export function reasonOf(code, said) {
  return said || REASONS[code] || `the connection ended with code ${code}`;
}
