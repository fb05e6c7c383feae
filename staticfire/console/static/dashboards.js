// Dashboards: the stacks' own CloudWatch dashboards, drawn from the metrics of the running stack.

import { all, aws } from "./api.js";
import { lines } from "./chart.js";
import { chip, h, heading, problem, select, show } from "./dom.js";
import { moment, number, plural } from "./format.js";
import { markdown } from "./markdown.js";
import { ALARM_TONES } from "./data.js";

const RANGES = [["3600", "1 hour"], ["10800", "3 hours"], ["43200", "12 hours"], ["86400", "1 day"], ["604800", "1 week"]];
const AGAIN_MS = 15000;
const POINTS = 200;

export function dashboardsPage({ box, rest, signal }) {
  const body = h("div");
  let range = 3600;
  let chosen = rest[0] ?? "";
  const names = select([], "", (name) => {
    chosen = name;
    history.replaceState(null, "", `#/dashboards/${encodeURIComponent(name)}`);
    load();
  });
  names.setAttribute("aria-label", "Dashboard");
  const ranges = select(RANGES, "3600", (value) => {
    range = Number(value);
    load();
  });
  ranges.setAttribute("aria-label", "Time range");
  show(box, heading("Dashboards", "As CloudWatch would show them, from the metrics that are here. Drawn anew every 15 s.", names, ranges), body);
  show(body, h("p", { class: "empty" }, "Loading…"));

  async function load() {
    try {
      const { DashboardBody } = await aws("cloudwatch", "GetDashboard", { DashboardName: chosen });
      const dashboard = JSON.parse(DashboardBody);
      const cards = await Promise.all(dashboard.widgets.map((widget) => drawn(widget, range, signal)));
      if (!signal.aborted) show(body, h("div", { class: "board" }, cards));
    } catch (error) {
      show(body, problem(error));
    }
  }

  all("cloudwatch", "ListDashboards", "DashboardEntries").then((entries) => {
    if (!entries.length) {
      names.hidden = true;
      show(body, h("p", { class: "empty" }, "No dashboard in this account. An aws_cloudwatch_dashboard of a stack is drawn here."));
      return;
    }
    const there = entries.map((one) => one.DashboardName);
    if (!there.includes(chosen)) chosen = there[0];
    show(names, there.map((name) => h("option", { value: name, selected: name === chosen }, name)));
    load();
    const timer = setInterval(() => document.hidden || load(), AGAIN_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
  }, (error) => show(body, problem(error)));
}

async function drawn(widget, range, signal) {
  const of = widget.properties ?? {};
  const place = { "--w": widget.width ?? 6, "--h": widget.height ?? 6, "--x": (widget.x ?? 0) + 1 };
  let content;
  try {
    content = await contentOf(widget.type, of, range, signal);
  } catch (error) {
    content = problem(error);
  }
  return h("section", { class: "card widget", style: place }, of.title ? h("h2", {}, of.title) : null, content);
}

async function contentOf(type, of, range, signal) {
  if (type === "text") return markdown(of.markdown ?? "");
  if (type === "metric") return metric(of, range);
  if (type === "alarm") return states(await described(of.alarms ?? []));
  if (type === "log") return logs(of, range, signal);
  return h("p", { class: "empty" }, `Widgets of the type ${type} are not drawn here.`);
}

/** A dashboard's metrics, with its `.` and `...` filled in, as queries of GetMetricData. */
export function queriesOf(of, period) {
  let before = [];
  return (of.metrics ?? []).map((row, index) => {
    const options = typeof row[row.length - 1] === "object" ? row[row.length - 1] : {};
    let names = row.filter((part) => typeof part === "string");
    if (options.expression) return { options, query: { Id: options.id ?? `e${index}`, Expression: options.expression, Label: options.label, ReturnData: options.visible !== false } };
    const rest = names.indexOf("...");
    if (rest >= 0) names = [...before.slice(0, before.length - (names.length - 1)), ...names.slice(rest + 1)];
    names = names.map((part, place) => (part === "." ? before[place] : part));
    before = names;
    const [Namespace, MetricName, ...pairs] = names;
    const Dimensions = [];
    for (let place = 0; place + 1 < pairs.length; place += 2) Dimensions.push({ Name: pairs[place], Value: pairs[place + 1] });
    return {
      options,
      query: {
        Id: options.id ?? `m${index}`,
        MetricStat: { Metric: { Namespace, MetricName, Dimensions }, Period: period, Stat: options.stat ?? of.stat ?? "Average" },
        Label: options.label ?? [MetricName, ...Dimensions.map((one) => one.Value)].join(" "),
        ReturnData: options.visible !== false,
      },
    };
  });
}

async function metric(of, range) {
  const least = Math.max(60, Math.ceil(range / POINTS / 60) * 60);
  const period = Math.max(range <= 10800 ? 60 : least, Math.min(of.period ?? 300, range / 12));
  const step = Math.ceil(period / 60) * 60;
  const end = Math.ceil(Date.now() / 1000 / step) * step;
  const alarms = await described(of.annotations?.alarms ?? []);
  const own = queriesOf(of, step);
  const asked = own.length ? own : alarms.flatMap((one, place) => watched(one, place, step));
  if (!asked.length) return states(alarms);
  const { MetricDataResults } = await aws("cloudwatch", "GetMetricData", { StartTime: end - range, EndTime: end, ScanBy: "TimestampAscending", MetricDataQueries: asked.map((one) => one.query) }, of.region);
  const series = MetricDataResults.map((one) => ({ label: one.Label, points: one.Timestamps.map((at, index) => [Date.parse(at) / 1000, one.Values[index]]) }));
  if (of.view === "singleValue") return h("div", { class: "singles" }, series.map((one) => h("div", {}, h("strong", {}, one.points.length ? number(one.points[one.points.length - 1][1]) : "–"), h("span", { class: "muted" }, one.label))));
  const marks = (of.annotations?.horizontal ?? []).filter((one) => typeof one.value === "number").map((one) => [one.value, one.label ?? ""]);
  marks.push(...alarms.filter((one) => typeof one.Threshold === "number").map((one) => [one.Threshold, one.AlarmName]));
  const chart = lines(of.title ?? "Metrics", series, { span: [end - range, end], marks });
  const empty = series.every((one) => !one.points.length) ? h("p", { class: "muted" }, "No data in that time.") : null;
  return [chart, empty, alarms.length ? states(alarms) : null];
}

/** The alarms of these ARNs, of both kinds, in their order; one that is gone has its name alone. */
async function described(arns) {
  const named = arns.map((arn) => ({ arn, region: arn.split(":")[3] || undefined, name: arn.split(":alarm:").pop() }));
  const there = new Map();
  for (const region of new Set(named.map((one) => one.region))) {
    const AlarmNames = named.filter((one) => one.region === region).map((one) => one.name);
    const { MetricAlarms = [], CompositeAlarms = [] } = await aws("cloudwatch", "DescribeAlarms", { AlarmNames, AlarmTypes: ["MetricAlarm", "CompositeAlarm"] }, region);
    for (const one of [...MetricAlarms, ...CompositeAlarms]) there.set(one.AlarmArn, one);
  }
  return named.map(({ arn, name }) => there.get(arn) ?? { AlarmName: name });
}

function states(alarms) {
  const state = (one) => (one.StateValue ? chip(one.StateValue.replace("_", " ").toLowerCase(), ALARM_TONES[one.StateValue]) : chip("gone"));
  return h("ul", { class: "alarms" }, alarms.map((one) => h("li", {}, state(one), h("span", {}, one.AlarmName), h("span", { class: "muted" }, one.StateUpdatedTimestamp ? moment(one.StateUpdatedTimestamp) : ""))));
}

/** What an alarm looks at, as queries of GetMetricData. */
function watched(alarm, place, period) {
  if (alarm.Metrics?.length) return alarm.Metrics.map((query) => ({ query }));
  if (!alarm.MetricName) return [];
  const Metric = { Namespace: alarm.Namespace, MetricName: alarm.MetricName, Dimensions: alarm.Dimensions ?? [] };
  const Stat = alarm.Statistic ?? alarm.ExtendedStatistic;
  return [{ query: { Id: `alarm${place}`, MetricStat: { Metric, Period: Math.max(period, alarm.Period ?? 0), Stat }, Label: alarm.MetricName } }];
}

/** A widget's query: its log groups, and what CloudWatch Logs Insights is asked. */
export function insightsOf(text) {
  const source = /^\s*(SOURCE\s+(?:'[^']*'|"[^"]*")(?:\s*,\s*(?:'[^']*'|"[^"]*"))*)\s*(?:\||$)/i;
  const groups = [];
  let rest = text ?? "";
  for (let match = source.exec(rest); match; match = source.exec(rest)) {
    groups.push(...[...match[1].matchAll(/'([^']*)'|"([^"]*)"/g)].map(([, single, double]) => single ?? double));
    rest = rest.slice(match[0].length);
  }
  return { groups, query: rest.trim() || "fields @timestamp, @message" };
}

async function logs(of, range, signal) {
  const { groups, query } = insightsOf(of.query);
  if (!groups.length) return h("p", { class: "empty" }, "The widget's query names no log group.");
  const end = Math.floor(Date.now() / 1000);
  const { queryId } = await aws("logs", "StartQuery", { logGroupNames: groups, queryString: query, startTime: end - range, endTime: end, limit: 500 }, of.region);
  for (let waited = 100; ; waited = Math.min(waited * 2, 2000)) {
    const answer = await aws("logs", "GetQueryResults", { queryId }, of.region);
    if (answer.status === "Complete") return rowsOf(of, answer);
    if (!["Scheduled", "Running"].includes(answer.status)) throw new Error(`The query ended as ${answer.status}: ${query}`);
    if (signal.aborted) return null;
    await new Promise((resolve) => setTimeout(resolve, waited));
  }
}

function rowsOf(of, { results, statistics }) {
  const rows = results.map((row) => Object.fromEntries(row.map(({ field, value }) => [field, value])));
  const names = [...new Set(results.flatMap((row) => row.map(({ field }) => field)))].filter((name) => name !== "@ptr");
  const scanned = h("p", { class: "muted" }, `${plural(rows.length, "row")} of ${plural(statistics.recordsScanned, "event")}`);
  if (!rows.length) return scanned;
  const bin = names.find((name) => name.startsWith("bin("));
  if (bin && of.view && of.view !== "table") {
    const at = (row) => Date.parse(`${row[bin].replace(" ", "T")}Z`) / 1000;
    const series = names.filter((name) => name !== bin).map((label) => ({ label, points: rows.filter((row) => Number.isFinite(Number(row[label]))).map((row) => [at(row), Number(row[label])]).sort(([one], [other]) => one - other) }));
    const times = rows.map(at);
    return [lines(of.title ?? "Logs", series, { span: [Math.min(...times), Math.max(...times) + 1], marks: [] }), scanned];
  }
  const head = h("tr", {}, names.map((name) => h("th", { scope: "col" }, name)));
  const body = rows.slice(0, 100).map((row) => h("tr", {}, names.map((name) => h("td", { class: "mono" }, row[name] ?? ""))));
  return [h("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": of.title ?? "Rows" }, h("table", {}, h("thead", {}, head), h("tbody", {}, body))), scanned];
}
