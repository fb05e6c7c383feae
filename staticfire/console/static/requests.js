// Requests: a live table of traces with a filter, and one of them beside it.

import { get, stack } from "./api.js";
import { button, chip, field, h, heading, problem, select, show } from "./dom.js";
import { clock, ms, number } from "./format.js";
import { tracePanel } from "./trace.js";
import { VirtualTable } from "./virtual.js";

const PAGE = 1000;
const MOST = 100000;
const OUTCOMES = [["", "all"], ["failed", "failed"], ["ok", "well"], ["error", "4xx"], ["fault", "5xx and faults"], ["throttle", "throttled"]];

export function requestsPage({ box, rest, live, signal }) {
  const chosen = { text: "", outcome: "", function: "" };
  let rows = [];
  let ended = false;
  let asking = false;
  let paused = false;
  let turn = 0;
  let opened = new AbortController();
  const counted = h("span", { class: "muted", role: "status" });
  const trouble = h("div");
  const side = h("aside", { class: "detail", "aria-label": "The request", hidden: true });
  const split = h("div", { class: "split" });
  const grid = new VirtualTable(
    "Requests",
    [
      ["Time", (row) => [clock(row.start), h("span", { class: "millis" }, clock(row.start, true).slice(8))], "c-time mono"],
      ["Status", (row) => chip(row.status ?? (row.outcome === "ok" ? "ok" : row.outcome), row.outcome === "ok" ? "good" : row.outcome === "error" ? "warn" : "bad"), "c-status"],
      ["Request", (row) => [h("span", { class: "what" }, row.name), row.cold ? chip("cold", "info") : null, row.error ? h("span", { class: "why" }, row.error) : null], "c-name"],
      ["From", (row) => row.source, "c-source"],
      ["AWS calls", (row) => number(row.calls), "c-calls figure"],
      ["Duration", (row) => ms(row.milliseconds), "c-ms figure mono"],
    ],
    { key: (row) => row.id, open: (row) => open(row.id, true), more: () => more() },
  );

  const pause = button("Pause", () => {
    paused = !paused;
    pause.textContent = paused ? "Go on" : "Pause";
    pause.setAttribute("aria-pressed", String(paused));
    if (!paused) restart();
  });
  const functions = select([["", "every function"]], "", (value) => restart({ function: value }));
  let typing = 0;
  const text = h("input", {
    type: "search",
    placeholder: "name, id or error",
    oninput: () => {
      clearTimeout(typing);
      typing = setTimeout(() => restart({ text: text.value }), 200);
    },
  });
  show(
    split,
    h(
      "div",
      { class: "list" },
      h(
        "div",
        { class: "bar" },
        field("Filter", text),
        field("Outcome", select(OUTCOMES, "", (value) => restart({ outcome: value }))),
        field("Function", functions),
        pause,
        counted,
      ),
      trouble,
      grid.scroller,
    ),
    side,
  );
  show(box, heading("Requests", "What came in, and what it set off: each with its trace, without a change to your code."), split);

  function restart(change = {}) {
    Object.assign(chosen, change);
    turn += 1;
    rows = [];
    ended = false;
    asking = false;
    grid.scroller.scrollTop = 0;
    more();
  }

  async function more() {
    if (asking || ended) return;
    asking = true;
    const asked = turn;
    try {
      const before = rows.length ? rows[rows.length - 1].number : 0;
      const { traces } = await get("traces", { ...chosen, before: before || "", limit: PAGE }, signal);
      if (asked !== turn) return;
      rows = rows.concat(traces);
      ended = traces.length < PAGE || rows.length >= MOST;
      show(trouble);
      drawn();
    } catch (error) {
      if (error.name === "AbortError") return;
      ended = true;
      show(trouble, problem(error));
    } finally {
      if (asked === turn) asking = false;
    }
  }

  function drawn() {
    const more = ended ? "" : "+";
    show(counted, rows.length ? `${number(rows.length)}${more} requests` : "No request yet.");
    grid.set(rows);
  }

  /** What is new on top, what went on in its place. Without a filter alone: the edge filters. */
  function fresh() {
    if (paused || asking) return;
    if (chosen.text || chosen.outcome || chosen.function) return refresh();
    const places = new Map(rows.slice(0, 500).map((row, place) => [row.id, place]));
    const news = [];
    for (const trace of live.traces) {
      const place = places.get(trace.id);
      if (place === undefined) news.push(trace);
      else rows[place] = trace;
    }
    const newest = rows[0]?.number ?? 0;
    const added = news.filter((trace) => trace.number > newest);
    if (added.length && added.length === live.traces.length && rows.length) return restart();  // more came than is told
    rows = [...added, ...rows].slice(0, MOST);
    if (grid.scroller.scrollTop > 0) grid.scroller.scrollTop += added.length * 34;
    drawn();
  }

  async function refresh() {
    const asked = turn;
    const { traces } = await get("traces", { ...chosen, limit: PAGE }, signal);
    if (asked !== turn) return;
    const oldest = traces[traces.length - 1]?.number ?? 0;
    rows = [...traces, ...rows.filter((row) => row.number < oldest)];
    drawn();
  }

  /** Beside the list, which stays where it is. */
  function open(id, noted = false) {
    if (noted) history.pushState(null, "", `#/requests/${encodeURIComponent(id)}`);
    side.hidden = false;
    split.classList.add("open");
    grid.at = id;
    opened.abort();
    opened = new AbortController();
    tracePanel(side, id, close, opened.signal);
  }

  function close() {
    opened.abort();
    history.replaceState(null, "", "#/requests");
    side.hidden = true;
    split.classList.remove("open");
    grid.pick(null);
    grid.scroller.focus();
  }

  live.addEventListener("traces", fresh, { signal });
  const names = () => {
    const there = (live.state?.functions ?? []).filter((one) => one.account === stack.account).map((one) => one.name).sort();
    if (there.length + 1 !== functions.options.length) {
      show(functions, [["", "every function"], ...there.map((name) => [name, name])].map(([value, name]) => h("option", { value, selected: value === chosen.function }, name)));
    }
  };
  live.addEventListener("state", names, { signal });
  names();
  restart();
  signal.addEventListener("abort", () => opened.abort());
  if (rest[0]) open(rest[0]);
}
