// Functions: versions, execution environments, configuration, metrics, and an invocation with an event.

import { all, aws, post, stack } from "./api.js";
import { lines } from "./chart.js";
import { button, card, chip, confirmed, field, h, heading, later, problem, select, show, table, tabs, toast } from "./dom.js";
import { EVENTS } from "./events.js";
import { bytes, clock, moment, ms, number, pretty } from "./format.js";
import { frame, logLines } from "./trace.js";

const HOUR = 3600;

export function functionsPage({ box, rest, live, signal }) {
  if (rest[0]) return oneFunction(box, rest[0], live, signal);
  show(
    box,
    heading("Functions", "What Lambda has in this account."),
    card(
      null,
      later(all("lambda", "ListFunctions", "Functions", {}, 1000, ["NextMarker", "Marker"]), (functions) =>
        table(
          "Functions",
          [
            ["Function", (one) => h("a", { href: `#/functions/${encodeURIComponent(one.FunctionName)}` }, one.FunctionName)],
            ["Runtime", (one) => one.Runtime ?? one.PackageType],
            ["Handler", (one) => h("code", {}, one.Handler ?? "–")],
            ["Memory", (one) => `${one.MemorySize} MB`, "figure"],
            ["Time-out", (one) => `${one.Timeout} s`, "figure"],
            ["Package", (one) => bytes(one.CodeSize), "figure"],
            ["Modified", (one) => moment(one.LastModified)],
          ],
          functions.sort((one, other) => one.FunctionName.localeCompare(other.FunctionName)),
        ),
      ),
    ),
  );
}

function oneFunction(box, name, live, signal) {
  const counters = h("div", { class: "tiles" });
  const draw = () => {
    const now = live.state?.functions.find((one) => one.name === name && one.account === stack.account);
    const of = now ?? { invocations: 0, errors: 0, cold_starts: 0, in_flight: 0 };
    show(counters, ...[["Invocations", of.invocations], ["Errors", of.errors], ["Cold starts", of.cold_starts], ["Concurrency now", of.in_flight]].map(([title, value]) => h("div", { class: title === "Errors" && value ? "tile bad" : "tile" }, h("span", { class: "tile-name" }, title), h("strong", {}, number(value)))));
  };
  live.addEventListener("state", draw, { signal });
  draw();
  show(
    box,
    heading(name, h("a", { href: "#/functions" }, "All functions")),
    counters,
    tabs(`Function ${name}`, [
      ["Invoke", () => invoke(name)],
      ["Execution environments", () => environments(name, live, signal)],
      ["Configuration", () => configuration(name)],
      ["Versions", () => versions(name)],
      ["Metrics", () => metrics(name)],
      ["Logs", () => recent(name)],
    ]),
  );
}

function invoke(name) {
  const event = h("textarea", { rows: 14, spellcheck: "false", value: "{}" });
  const sample = select(Object.keys(EVENTS), "Empty object", (key) => (event.value = JSON.stringify(EVENTS[key], null, 2)));
  const qualifier = h("input", { type: "text", placeholder: "$LATEST" });
  const kind = select([["RequestResponse", "and wait for the answer"], ["Event", "asynchronously"]], "RequestResponse");
  const result = h("div", { "aria-live": "polite" });
  const act = async () => {
    try {
      JSON.parse(event.value);
    } catch (error) {
      show(result, problem(new Error(`The event is not JSON: ${error.message}`)));
      return;
    }
    show(result, h("p", { class: "empty" }, "Invoking…"));
    const began = performance.now();
    try {
      const answer = await aws("lambda", "Invoke", {
        FunctionName: name,
        InvocationType: kind.value,
        Payload: event.value,
        ...(kind.value === "RequestResponse" ? { LogType: "Tail" } : {}),
        ...(qualifier.value ? { Qualifier: qualifier.value } : {}),
      });
      show(result, outcome(answer, performance.now() - began));
    } catch (error) {
      show(result, problem(error));
    }
  };
  return h(
    "div",
    { class: "columns" },
    h("div", {}, h("div", { class: "row" }, field("Begin with", sample), field("Version or alias", qualifier), field("Invoke", kind)), field("Event", event), h("div", { class: "actions" }, button("Invoke", act, "primary"))),
    h("div", {}, h("h3", {}, "Answer"), result),
  );
}

function outcome(answer, took) {
  let payload = null;
  try {
    payload = JSON.parse(answer.Payload);
  } catch {
    payload = null;
  }
  return [
    h("p", { class: "meta" }, answer.FunctionError ? chip(answer.FunctionError, "bad") : chip(answer.StatusCode, "good"), h("span", {}, ms(took)), h("span", { class: "muted" }, answer.ExecutedVersion ?? "")),
    h("pre", { tabindex: "0", "aria-label": "Answer" }, pretty(answer.Payload) || "Accepted."),
    Array.isArray(payload?.stackTrace) ? payload.stackTrace.map(frame) : null,
    answer.LogResult ? h("details", { open: true }, h("summary", {}, "Log"), h("pre", { tabindex: "0", "aria-label": "Log" }, decoded(answer.LogResult))) : null,
  ];
}

const decoded = (text) => new TextDecoder().decode(Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)));

function environments(name, live, signal) {
  const box = h("div");
  const draw = () => {
    const list = live.state?.functions.find((one) => one.name === name && one.account === stack.account)?.environments ?? [];
    show(
      box,
      table(
        "Execution environments",
        [
          ["Id", (one) => h("code", {}, one.id)],
          ["State", (one) => chip(one.state, one.state === "busy" ? "info" : "good")],
          ["Since", (one) => clock(one.since)],
          ["Version", (one) => one.version],
          ["Runs on", (one) => one.runs_on],
          ["Memory", (one) => bytes(one.memory_bytes), "figure"],
          ["Process", (one) => one.pid ?? "–", "figure"],
          ["", (one) => button("Kill", () => confirmed(`Kill the process of ${one.id}, as a crash would?`, () => post(`environments/${encodeURIComponent(one.id)}/kill`).then(() => toast("Killed"), (error) => toast(error.message, true))), "small danger")],
        ],
        list,
      ),
    );
  };
  let last = "";
  const changed = () => {
    const now = JSON.stringify(live.state?.functions.find((one) => one.name === name)?.environments ?? []);
    if (now !== last) {
      last = now;
      draw();
    }
  };
  live.addEventListener("state", changed, { signal });
  draw();
  return box;
}

function configuration(name) {
  return later(aws("lambda", "GetFunctionConfiguration", { FunctionName: name }), (of) => {
    const variables = of.Environment?.Variables ?? {};
    const skipped = new Set(["Environment", "FunctionName"]);
    return [
      h("dl", { class: "facts" }, Object.entries(of).filter(([key]) => !skipped.has(key)).map(([key, value]) => [h("dt", {}, key), h("dd", { class: "mono" }, typeof value === "object" ? JSON.stringify(value) : String(value))])),
      h("h3", {}, "Variables"),
      Object.keys(variables).length ? h("dl", { class: "facts" }, Object.entries(variables).map(([key, value]) => [h("dt", {}, key), h("dd", { class: "mono" }, value)])) : h("p", { class: "empty" }, "None."),
      h("h3", {}, "Event source mappings"),
      later(all("lambda", "ListEventSourceMappings", "EventSourceMappings", { FunctionName: name }, 100, ["NextMarker", "Marker"]), (list) =>
        table("Event source mappings", [["Source", (one) => h("code", {}, one.EventSourceArn ?? one.SelfManagedEventSource ?? "–")], ["State", (one) => chip(one.State, one.State === "Enabled" ? "good" : "warn")], ["Batch", (one) => number(one.BatchSize), "figure"], ["Last result", (one) => one.LastProcessingResult ?? "–"]], list),
      ),
    ];
  });
}

function versions(name) {
  return [
    later(all("lambda", "ListVersionsByFunction", "Versions", { FunctionName: name }, 200, ["NextMarker", "Marker"]), (list) =>
      table("Versions", [["Version", (one) => one.Version], ["Description", (one) => one.Description || "–"], ["Package", (one) => bytes(one.CodeSize), "figure"], ["SHA-256", (one) => h("code", {}, one.CodeSha256)], ["Modified", (one) => moment(one.LastModified)]], list),
    ),
    h("h3", {}, "Aliases"),
    later(all("lambda", "ListAliases", "Aliases", { FunctionName: name }, 200, ["NextMarker", "Marker"]), (list) =>
      table("Aliases", [["Alias", (one) => one.Name], ["Version", (one) => one.FunctionVersion], ["Also", (one) => JSON.stringify(one.RoutingConfig?.AdditionalVersionWeights ?? {})]], list),
    ),
  ];
}

function metrics(name) {
  const end = Math.ceil(Date.now() / 60000) * 60;
  const wanted = [["Invocations", "Sum"], ["Errors", "Sum"], ["Duration", "Average"], ["Duration", "Maximum"], ["Throttles", "Sum"], ["ConcurrentExecutions", "Maximum"]];
  const queries = wanted.map(([metric, stat], index) => ({ Id: `m${index}`, MetricStat: { Metric: { Namespace: "AWS/Lambda", MetricName: metric, Dimensions: [{ Name: "FunctionName", Value: name }] }, Period: 60, Stat: stat } }));
  return later(aws("cloudwatch", "GetMetricData", { StartTime: end - HOUR, EndTime: end, ScanBy: "TimestampAscending", MetricDataQueries: queries }), ({ MetricDataResults }) => {
    const series = Object.fromEntries(MetricDataResults.map((one) => [one.Id, one.Timestamps.map((at, index) => [Date.parse(at) / 1000, one.Values[index]])]));
    const of = (...indices) => indices.map((index) => ({ label: `${wanted[index][0]} ${wanted[index][1]}`, points: series[`m${index}`] ?? [] }));
    const span = [end - HOUR, end];
    return h("div", { class: "charts" }, card("Invocations and errors", lines("Invocations and errors", of(0, 1), { span })), card("Duration (ms)", lines("Duration", of(2, 3), { span, unit: " ms" })), card("Throttles", lines("Throttles", of(4), { span })), card("Concurrent executions", lines("Concurrent executions", of(5), { span })));
  });
}

function recent(name) {
  return later(aws("logs", "FilterLogEvents", { logGroupName: `/aws/lambda/${name}`, startTime: Date.now() - HOUR * 1000, limit: 1000 }), ({ events = [] }) => logLines(events.slice(-300)));
}
