// The operator's page: the gateways and pollers of this deployment, asked for once a second while it is seen.

import { Fleet, GATEWAY_COLUMNS, POLLER_COLUMNS } from "./fleet.js";

const EVERY_MS = 1_000;
const PATIENCE_MS = 5_000;

const $ = (id) => document.getElementById(id);
const fleet = new Fleet({
  gateway: { heads: $("gateway-heads"), body: $("gateways"), columns: GATEWAY_COLUMNS },
  poller: { heads: $("poller-heads"), body: $("pollers"), columns: POLLER_COLUMNS },
});
const address = `${location.pathname.replace(/\/$/, "")}/processes`;
let token = ""; // in this page alone
let failedAt = 0;

async function ask() {
  if (!document.hidden && $("key").hidden) await askOnce();
  setTimeout(ask, EVERY_MS);
}

async function askOnce() {
  let answer;
  try {
    const headers = token ? { Authorization: `Bearer ${token}` } : {};
    answer = await fetch(address, { headers, cache: "no-store", signal: AbortSignal.timeout(PATIENCE_MS) });
    if (answer.status === 401) {
      lock();
      return;
    }
    const report = await answer.json();
    if (!answer.ok) throw new Error(report.error);
    failedAt = 0;
    draw(report);
  } catch (error) {
    failedAt ||= Date.now();
    const why = answer && !answer.ok ? error.message : "it does not answer";
    say("ended", "No answer", "bad", `This gateway cannot be asked since ${new Date(failedAt).toLocaleTimeString()}: ${why}`);
  }
}

function lock() {
  const hadToken = token !== "";
  token = "";
  fleet.clear();
  $("key").hidden = false;
  say("ended", "Locked", "bad", hadToken ? "That is not this deployment's METRICS_TOKEN." : "This page is for who has METRICS_TOKEN.");
  $("token").focus();
}

function draw(report) {
  const { there, unwell, gone } = fleet.take(report, Date.now());
  $("asked").textContent = report.asked;
  const parts = [];
  if (report.problem) parts.push(report.problem);
  if (unwell) parts.push(`${unwell} of ${there} ${unwell === 1 ? "needs" : "need"} a look`);
  if (gone) parts.push(`${gone} gone`);
  const isWell = parts.length === 0;
  say(isWell ? "live" : "stale", isWell ? `${there} well` : "Look", isWell ? "none" : "stale", parts.join("; "));
}

function say(state, word, kind, text) {
  document.body.dataset.state = state;
  $("notice").dataset.kind = kind;
  for (const [id, words] of [["state", word], ["notice-text", text]]) {
    if ($(id).textContent !== words) $(id).textContent = words;
  }
}

$("key").addEventListener("submit", (event) => {
  event.preventDefault();
  token = $("token").value.trim();
  $("token").value = "";
  $("key").hidden = true;
  askOnce();
});
ask();
