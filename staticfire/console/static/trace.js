// One request: its waterfall, event and answer, logs, what failed where in the source; to be sent again, or kept as a test.

import { aws, get, post } from "./api.js";
import { button, chip, copy, field, h, icon, later, problem, select, show, tabs } from "./dom.js";
import { clock, moment, ms, plural, pretty } from "./format.js";
import { asCurl, asPytest, requestOf } from "./again.js";

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
const KINDS = { api: "API", function: "Function", init: "Initialisation", call: "AWS call", segment: "Segment" };

export function tracePanel(side, id, close, signal) {
  show(side, h("p", { class: "empty" }, "Loading…"));
  get(`traces/${encodeURIComponent(id)}`, {}, signal).then(
    (trace) => draw(side, trace, close),
    (error) => error.name === "AbortError" || show(side, head("Not there", close), problem(error)),
  );
}

function head(title, close, ...beside) {
  return h("div", { class: "detail-head" }, h("h2", { tabindex: "-1" }, title), beside, h("button", { type: "button", class: "ghost", "aria-label": "Close the request", onclick: close }, icon("close")));
}

function draw(side, trace, close) {
  const tone = trace.outcome === "ok" ? "good" : trace.outcome === "error" ? "warn" : "bad";
  const first = requestOf(trace);
  show(
    side,
    head(trace.name, close),
    h("p", { class: "meta" }, chip(trace.status ?? trace.outcome, tone), trace.cold ? chip("cold start", "info") : null, h("span", {}, ms(trace.milliseconds)), h("span", { class: "muted" }, moment(trace.start))),
    h("p", { class: "muted mono ids" }, trace.id),
    trace.error ? h("p", { class: "problem" }, trace.error) : null,
    first && !first.cut
      ? h("div", { class: "actions" }, button("Copy as curl", () => copy(asCurl(first), "Copied as curl"), "small"), button("Copy as a pytest test", () => copy(asPytest(first, trace), "Copied as a test"), "small"))
      : null,
    tabs("The request", [
      ["Waterfall", () => waterfall(trace)],
      ["Event and answer", () => bodies(trace)],
      ["Logs", () => logs(trace)],
      ...(first ? [["Send again", () => again(first)]] : []),
    ]),
  );
}

function waterfall(trace) {
  const from = Math.min(...trace.waterfall.map((span) => span.start));
  const whole = Math.max(0.000001, Math.max(...trace.waterfall.map((span) => span.end)) - from);
  const detail = h("div", { class: "span-detail" });
  const bars = trace.waterfall.map((span) => {
    const left = ((span.start - from) / whole) * 100;
    const width = Math.max(0.4, ((span.end - span.start) / whole) * 100);
    const tone = span.outcome === "ok" ? `k-${span.kind}` : "k-bad";
    return h(
      "li",
      { style: { "--depth": span.depth } },
      h(
        "button",
        { type: "button", class: "span", "aria-label": `${KINDS[span.kind]} ${span.name}, ${ms(span.milliseconds)}, ${span.outcome}`, onclick: () => show(detail, spanDetail(span)) },
        h("span", { class: "span-name", title: span.name }, span.name, span.facts.cold ? chip("cold", "info") : null),
        h("span", { class: "span-lane" }, h("span", { class: `span-bar ${tone}`, style: { left: `${left}%`, width: `${width}%` } })),
        h("span", { class: "span-ms mono" }, ms(span.milliseconds)),
      ),
    );
  });
  return [
    h("ol", { class: "waterfall", "aria-label": "Steps" }, bars),
    links("It came from", trace.came_from),
    links("It set off", trace.set_off),
    trace.spans_dropped ? h("p", { class: "muted" }, `${plural(trace.spans_dropped, "step")} had no room.`) : null,
    trace.spans_cut ? h("p", { class: "muted" }, `The trace is large: of the bodies of ${plural(trace.spans_cut, "step")} only the beginning is kept.`) : null,
    detail,
  ];
}

function links(title, list) {
  if (!list.length) return null;
  return h("div", { class: "links" }, h("h3", {}, title), h("ul", {}, list.map((link) => h("li", {}, chip(link.by), " ", h("a", { href: `#/requests/${encodeURIComponent(link.trace)}` }, link.trace), " ", h("span", { class: "muted" }, link.what)))));
}

function spanDetail(span) {
  const facts = Object.entries(span.facts).filter(([, value]) => value !== null && value !== "" && value !== undefined);
  const short = facts.filter(([, value]) => typeof value !== "object" && String(value).length < 200);
  const long = facts.filter(([name]) => !short.some(([other]) => other === name));
  return h(
    "section",
    { class: "facts-box" },
    h("h3", {}, `${KINDS[span.kind]}: ${span.name}`),
    span.error ? h("p", { class: "problem" }, span.error) : null,
    h("dl", { class: "facts" }, span.request_id ? [h("dt", {}, "request id"), h("dd", { class: "mono" }, span.request_id)] : null, short.map(([name, value]) => [h("dt", {}, name.replaceAll("_", " ")), h("dd", { class: "mono" }, String(value))])),
    long.map(([name, value]) => h("details", {}, h("summary", {}, name.replaceAll("_", " ")), code(value, name))),
  );
}

function code(value, label) {
  return h("pre", { tabindex: "0", "aria-label": label }, pretty(value));
}

function bodies(trace) {
  const parts = trace.waterfall.filter((span) => span.kind === "api" || span.kind === "function");
  if (!parts.length) return h("p", { class: "empty" }, "No event and no answer: nothing of it ran here.");
  return parts.map((span) => [
    h("h3", {}, `${KINDS[span.kind]}: ${span.name}`),
    span.kind === "api"
      ? [
          part("Request headers", span.facts.headers),
          part("Request body", span.facts.body),
          part("Answer headers", span.facts.answer_headers),
          part("Answer", span.facts.answer),
        ]
      : [part("Event", span.facts.event, true), part("Answer", span.facts.answer, true), stackTrace(span)],
  ]);
}

function part(name, value, open = true) {
  if (value === null || value === undefined || value === "" || (Array.isArray(value) && !value.length)) return null;
  return h("details", { open }, h("summary", {}, name), code(Array.isArray(value) ? value.map((pair) => (Array.isArray(pair) ? `${pair[0]}: ${pair[1]}` : JSON.stringify(pair))).join("\n") : value, name));
}

/** Frames of an error that a function answered, each with the lines of the source it was packed from. */
function stackTrace(span) {
  let answer;
  try {
    answer = typeof span.facts.answer === "string" ? JSON.parse(span.facts.answer) : span.facts.answer;
  } catch {
    return null;
  }
  if (!Array.isArray(answer?.stackTrace)) return null;
  return h("div", { class: "stack" }, h("h3", {}, `${answer.errorType ?? "Error"}: ${answer.errorMessage ?? ""}`), answer.stackTrace.map(frame));
}

export function frame(text) {
  const place = /File "([^"]+)", line (\d+)/.exec(text) ?? /\(?((?:\/|file:\/\/)[^():]+):(\d+)(?::\d+)?\)?/.exec(text);
  return h(
    "div",
    { class: "frame-of" },
    h("pre", { tabindex: "0", "aria-label": "Frame" }, text.trimEnd()),
    place
      ? later(get("source", { file: place[1].replace("file://", ""), line: place[2] }).catch((error) => (error.status === 404 ? null : Promise.reject(error))), (source) =>
          source
            ? h(
                "div",
                { class: "source" },
                h("p", { class: "mono" }, `${source.file}:${source.line}`),
                h("pre", { tabindex: "0", "aria-label": `Source of ${source.file}` }, source.lines.map((line, index) => h("span", { class: source.first + index === source.line ? "hit" : "" }, `${String(source.first + index).padStart(4)}  ${line}\n`))),
              )
            : null,
          "",
        )
      : null,
  );
}

function logs(trace) {
  const spans = trace.waterfall.filter((span) => span.kind === "function" && span.facts.log_group);
  if (!spans.length) return h("p", { class: "empty" }, "No function ran, so there are no logs.");
  return spans.map((span) => [
    h("h3", {}, span.name),
    later(
      aws("logs", "FilterLogEvents", {
        logGroupName: span.facts.log_group,
        ...(span.facts.log_stream ? { logStreamNames: [span.facts.log_stream] } : {}),
        startTime: Math.floor(span.start * 1000) - 2000,
        endTime: Math.ceil(span.end * 1000) + 5000,
        limit: 500,
      }),
      ({ events = [] }) => logLines(ofRequest(events, span.request_id)),
    ),
  ]);
}

/** Those between the lines that the platform writes for this request; all of them where it writes none. */
function ofRequest(events, id) {
  const first = events.findIndex((event) => event.message.includes(id));
  if (first < 0) return events;
  const last = events.length - 1 - [...events].reverse().findIndex((event) => event.message.includes(id));
  return events.slice(first, last + 1);
}

export function logLines(events) {
  if (!events.length) return h("p", { class: "empty" }, "Nothing was logged in that time.");
  return h("ol", { class: "logs" }, events.map((event) => h("li", { class: toneOf(event.message) }, h("span", { class: "mono muted" }, clock(event.timestamp / 1000, true)), h("pre", {}, shortened(event.message.trimEnd())))));
}

/** Lambda's own lines of JSON in short, as `staticfire logs` has them; all else as it was written. */
function shortened(message) {
  let said = null;
  if (message.includes('"platform.')) {
    try {
      said = JSON.parse(message);
    } catch {
      return message;
    }
  }
  if (!said?.type?.startsWith("platform.") || typeof said.record !== "object") return pretty(message);
  const { requestId, status, errorType, metrics: of = {} } = said.record;
  const figures = [
    of.durationMs === undefined ? "" : ms(of.durationMs),
    of.billedDurationMs === undefined ? "" : `billed ${of.billedDurationMs} ms`,
    of.initDurationMs === undefined ? "" : `init ${ms(of.initDurationMs)}`,
    of.maxMemoryUsedMB === undefined ? "" : `${of.maxMemoryUsedMB} of ${of.memorySizeMB} MB`,
  ].filter(Boolean);
  return [said.type.slice("platform.".length), requestId, errorType, figures.join(", "), status === "success" ? "" : status].filter(Boolean).join(" ");
}

function toneOf(message) {
  if (/^(START|END|REPORT|INIT_START) |"type":\s*"platform\./.test(message)) return "platform";
  if (/\bERROR\b|Traceback|"level":\s*"(ERROR|CRITICAL)"/.test(message)) return "error";
  return /\bWARN/.test(message) ? "warn" : "";
}

function again(first) {
  if (first.cut) return h("p", { class: "problem" }, first.cut);
  const method = select(METHODS, first.method);
  const url = h("input", { type: "text", value: first.url, spellcheck: "false" });
  const headers = h("textarea", { rows: 5, spellcheck: "false", value: first.headers.map(([name, value]) => `${name}: ${value}`).join("\n") });
  const shown = first.base64 || pretty(first.body);
  const body = h("textarea", { rows: 8, spellcheck: "false", value: shown });
  const result = h("div", { "aria-live": "polite" });
  const send = async () => {
    show(result, h("p", { class: "empty" }, "Waiting for the answer…"));
    try {
      const pairs = headers.value.split("\n").filter((line) => line.includes(":")).map((line) => [line.slice(0, line.indexOf(":")).trim(), line.slice(line.indexOf(":") + 1).trim()]);
      const answer = await post("send", { method: method.value, url: url.value, headers: Object.fromEntries(pairs), body: body.value === shown && !first.base64 ? first.body : body.value, base64: Boolean(first.base64) });
      const request = answer.headers.find(([name]) => name.toLowerCase() === "apigw-requestid")?.[1];
      show(
        result,
        h("p", { class: "meta" }, chip(answer.status, answer.status < 400 ? "good" : answer.status < 500 ? "warn" : "bad"), h("span", {}, ms(answer.milliseconds)), request ? h("a", { href: `#/requests/${encodeURIComponent(request)}` }, "Its trace") : null),
        code(answer.body, "The answer"),
      );
    } catch (error) {
      show(result, problem(error));
    }
  };
  return [
    h("div", { class: "send-line" }, field("Method", method), field("Address", url)),
    field("Headers", headers),
    field(first.base64 ? "Body, in base64: it is not text" : "Body", body),
    h("div", { class: "actions" }, button("Send", send, "primary")),
    result,
  ];
}
