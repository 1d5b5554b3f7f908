// The processes of a deployment as rows. One that is gone stays in sight for a while, and says so.

import { NOTHING, age, bytes, exact, rate, timeOfDay } from "../figures.js";

const GONE_FOR_MS = 300_000;
const LATE_S = 3.5; // a process speaks every two seconds

const whole = (count) => exact(Math.round(count), 0);
const share = (cpu) => `${Math.round(cpu * 100)} %`;

export const GATEWAY_COLUMNS = {
  Gateway: (its) => its.name,
  Address: (its) => its.address,
  State: (its) => its.state,
  Prices: (its) => (its.stale.length ? `stale: ${its.stale.join(", ")}` : its.venues.length ? "live" : NOTHING),
  Clients: (its) => whole(its.clients),
  Slow: (its) => whole(its.slow),
  "Cut off": (its) => whole(its.cut_off),
  "Ticks in/s": (its) => rate(its.ticks_in),
  "Ticks out/s": (its) => rate(its.ticks_out),
  "Conflated/s": (its) => rate(its.conflated),
  Kept: (its) => bytes(its.buffered),
  CPU: (its) => share(its.cpu),
  Up: (its, now) => age((now - its.started_us) / 1e6),
  Process: (its) => `${its.host}:${its.pid}`,
  Version: (its) => its.version,
};
export const POLLER_COLUMNS = {
  Poller: (its) => its.name,
  Venue: (its) => its.venue,
  State: (its) => its.state,
  Exchange: (its) => (its.link === "up" ? "up" : `down${its.reason && `: ${its.reason}`}`),
  Source: (its) => its.source || NOTHING,
  Symbols: (its) => whole(its.symbols),
  "Ticks/s": (its) => rate(its.published),
  Waiting: (its) => whole(its.waiting),
  Failures: (its) => whole(its.failures),
  CPU: (its) => share(its.cpu),
  Up: (its, now) => age((now - its.started_us) / 1e6),
  Process: (its) => `${its.host}:${its.pid}`,
  Version: (its) => its.version,
};

/** How a process is: "good", "warn" or "bad". */
function healthOf(process) {
  if (process.role === "poller") {
    if (process.state === "bus down") return "bad";
    return process.link === "up" ? "good" : process.state === "leading" ? "bad" : "warn";
  }
  if (process.state !== "serving") return "warn";
  if (process.venues.length && process.stale.length === process.venues.length) return "bad";
  return process.stale.length || process.slow ? "warn" : "good";
}

export class Fleet {
  #known = new Map(); // name -> { process, seenAt, row }

  constructor(tables) {
    this.tables = tables;
    for (const { heads, columns } of Object.values(tables)) {
      for (const label of Object.keys(columns)) {
        const head = document.createElement("th");
        head.scope = "col";
        head.textContent = label;
        head.dataset.label = label;
        heads.append(head);
      }
    }
  }

  /** Take what a gateway has reported. Returns how many there are, and how many of these are not well. */
  take({ processes, now_us: nowUs }, now) {
    for (const process of processes) {
      if (!(process.role in this.tables)) continue;
      let known = this.#known.get(process.name);
      if (known === undefined) {
        known = { row: this.#make(process.role) };
        this.#known.set(process.name, known);
      }
      Object.assign(known, { process, seenAt: now });
      const silent = (nowUs - process.sent_us) / 1e6;
      this.#draw(known, nowUs, silent > LATE_S ? "warn" : healthOf(process));
    }
    let there = 0;
    let unwell = 0;
    for (const [name, known] of this.#known) {
      if (known.seenAt === now) {
        there++;
        unwell += known.row.dataset.health !== "good";
      } else if (now - known.seenAt > GONE_FOR_MS) {
        known.row.remove();
        this.#known.delete(name);
      } else if (known.row.dataset.health !== "gone") {
        known.row.dataset.health = "gone";
        const state = Object.keys(this.tables[known.process.role].columns).indexOf("State");
        known.row.children[state].textContent = `gone at ${timeOfDay(now * 1000)}`;
      }
    }
    return { there, unwell, gone: this.#known.size - there };
  }

  clear() {
    for (const { row } of this.#known.values()) row.remove();
    this.#known.clear();
  }

  #make(role) {
    const { body, columns } = this.tables[role];
    const row = document.createElement("tr");
    for (const [number, label] of Object.keys(columns).entries()) {
      const cell = document.createElement(number ? "td" : "th");
      if (!number) cell.scope = "row";
      cell.dataset.label = label;
      row.append(cell);
    }
    body.append(row);
    return row;
  }

  #draw({ row, process }, nowUs, health) {
    row.dataset.health = health;
    for (const [number, read] of Object.values(this.tables[process.role].columns).entries()) {
      const text = read(process, nowUs);
      const cell = row.children[number];
      if (cell.textContent === text) continue;
      cell.textContent = text;
      cell.title = text.length > 12 ? text : ""; // it may be cut off
    }
  }
}
