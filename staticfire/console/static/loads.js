// Load: the project's load runs, two of them side by side, and the one under way.

import { get } from "./api.js";
import { lines } from "./chart.js";
import { button, card, chip, h, heading, later, problem, show, table, toast } from "./dom.js";
import { moment, ms, number } from "./format.js";

const TONES = { passed: "good", failed: "bad", "under way": "info", "cannot be told": "warn" };
const VERDICTS = { better: "good", worse: "bad" };
const AGAIN_MS = 1000;

export function loadPage({ box, rest, signal }) {
  if (rest[0] === "compare") return compared(box, rest[1], rest[2], signal);
  if (rest[0]) return watched(box, rest[0], signal);
  const chosen = new Set();
  const compare = button("Compare two", () => {
    if (chosen.size !== 2) return toast("Choose two runs.", true);
    const [before, after] = [...chosen].sort();
    location.hash = `#/load/compare/${encodeURIComponent(before)}/${encodeURIComponent(after)}`;
  }, "primary");
  compare.hidden = true; // until there are two
  const listed = ({ runs }) => {
    compare.hidden = runs.length < 2;
    if (runs.length) return runsTable(runs, chosen);
    return h("p", { class: "empty" }, "No run yet. ", h("code", {}, "staticfire load STACK --profile ramp"), " makes one; while it runs it is watched here.");
  };
  show(box, heading("Load", "Runs of staticfire load, newest first.", compare), card(null, later(get("loads", {}, signal), listed)));
}

function runsTable(runs, chosen) {
  return table(
    "Runs",
    [
      ["", (run) => (run.rate === undefined ? null : h("input", { type: "checkbox", "aria-label": `Compare ${run.name}`, onchange: (event) => (event.target.checked ? chosen.add(run.name) : chosen.delete(run.name)) }))],
      ["Run", (run) => (run.has_page ? h("a", { href: `api/loads/${encodeURIComponent(run.name)}/report.html`, target: "_blank", rel: "noopener" }, run.name) : h("a", { href: `#/load/${encodeURIComponent(run.name)}` }, run.name))],
      ["Verdict", (run) => chip(run.state, TONES[run.state])],
      ["Stack", (run) => run.stack ?? "–"],
      ["Profile", (run) => run.profile ?? "–"],
      ["Requests/s", (run) => number(run.rate), "figure"],
      ["p50", (run) => ms(run.p50_ms), "figure"],
      ["p95", (run) => ms(run.p95_ms), "figure"],
      ["p99", (run) => ms(run.p99_ms), "figure"],
      ["Failed", (run) => number(run.failures), "figure"],
      ["Started", (run) => (run.started ? moment(run.started) : "–")],
    ],
    runs,
  );
}

function compared(box, before, after, signal) {
  show(
    box,
    heading("Two runs side by side", h("a", { href: "#/load" }, "All runs")),
    card(
      `${before} against ${after}`,
      later(get("loads/compared", { before, after }, signal), ({ comparison }) => [
        comparison.differences.length ? h("p", { class: "problem" }, `More than the code differs: ${comparison.differences.join("; ")}`) : null,
        table(
          "Measures",
          [
            ["Measure", (one) => one.name],
            ["Before", (one) => number(one.before), "figure"],
            ["After", (one) => number(one.after), "figure"],
            ["Change", (one) => (one.change === null ? "–" : `${one.change > 0 ? "+" : ""}${(one.change * 100).toFixed(1)} %`), "figure"],
            ["Noise", (one) => (one.low === null ? "–" : `${(one.low * 100).toFixed(1)} to ${(one.high * 100).toFixed(1)} %`), "figure"],
            ["Verdict", (one) => chip(one.verdict, VERDICTS[one.verdict] ?? "")],
          ],
          comparison.measures,
        ),
      ]),
    ),
  );
}

function watched(box, name, signal) {
  const body = h("div");
  show(box, heading(name, h("a", { href: "#/load" }, "All runs")), body);
  const load = async () => {
    try {
      const run = await get(`loads/${encodeURIComponent(name)}/progress`, {}, signal);
      const of = (key) => run.seconds.filter((one) => one[key] !== null).map((one) => [one.second, one[key]]);
      show(
        body,
        h("p", { class: "meta" }, chip(run.ended ? "ended" : "under way", run.ended ? "" : "info"), h("span", {}, run.phase ? `phase ${run.phase}` : ""), h("span", { class: "muted" }, run.rate ? `${number(run.rate)} requests/s are held` : "")),
        run.seconds.length
          ? h("div", { class: "charts" }, card("Requests a second", lines("Requests a second", [{ label: "answered", points: of("requests") }, { label: "failed", points: of("failures") }])), card("Latency (ms)", lines("Latency", [{ label: "p50", points: of("p50_ms") }, { label: "p95", points: of("p95_ms") }], { unit: " ms" })))
          : h("p", { class: "empty" }, "Nothing was measured yet."),
      );
      if (!run.ended) setTimeout(() => signal.aborted || load(), AGAIN_MS);
    } catch (error) {
      if (error.name !== "AbortError") show(body, problem(error));
    }
  };
  load();
}
