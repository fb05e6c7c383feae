// Overview: the parts and their state, stacks with what to paste, what is made of what, and what goes on now.

import { get, stack } from "./api.js";
import { spark } from "./chart.js";
import { card, chip, h, heading, show, snippet, table } from "./dom.js";
import { number, plural } from "./format.js";

const WITH_URL = ["HTTP API", "REST API", "WebSocket API", "function URL"];
const PARTS = { edge: "Edge", emulator: "Emulator", postgres: "Postgres", functions: "Functions", filler: "Filler" };

export function overviewPage({ box, live, signal }) {
  const now = h("div", { class: "tiles" });
  const parts = h("div", { class: "parts" });
  const running = h("div");
  const stacks = h("div", {}, stacksOf(stack.overview));
  get("overview", { account: stack.account }, signal).then((said) => {
    const same = JSON.stringify(said.stacks) === JSON.stringify(stack.overview.stacks);
    stack.overview = said;
    if (!same) show(stacks, stacksOf(said));
  });
  show(box, heading("Overview", `${stack.overview.endpoint} · ${stack.overview.region} · account ${stack.account}`), now, parts, stacks, card("Functions that ran", running));
  const draw = () => {
    const state = live.state;
    if (!state) return;
    const functions = state.functions.filter((one) => one.account === stack.account);
    const sum = (name) => functions.reduce((total, one) => total + one[name], 0);
    show(
      now,
      tile("Invocations", number(sum("invocations")), plural(functions.length, "function")),
      tile("Errors", number(sum("errors") + sum("init_errors")), `${plural(sum("throttles"), "throttle")}`, sum("errors") + sum("init_errors") ? "bad" : ""),
      tile("Cold starts", number(sum("cold_starts")), sum("invocations") ? `${((sum("cold_starts") / sum("invocations")) * 100).toFixed(1)} % of invocations` : ""),
      tile("Concurrency now", number(sum("in_flight")), spark(live.samples, "Concurrency in the last minutes")),
    );
    show(parts, Object.entries(state.parts).map(([name, part]) => partCard(name, part)));
    show(running, runningTable(functions));
  };
  live.addEventListener("state", draw, { signal });
  draw();
}

function tile(name, value, beside, tone = "") {
  return h("div", { class: `tile ${tone}` }, h("span", { class: "tile-name" }, name), h("strong", {}, value), h("span", { class: "tile-beside" }, beside));
}

function partCard(name, part) {
  const well = ["running", "none"].includes(part.state);
  const details = { emulator: part.name, postgres: part.port && `${part.host}:${part.port}`, functions: part.isolation && `isolation: ${part.isolation}` }[name];
  return h(
    "div",
    { class: "part" },
    h("span", { class: `led ${well ? "good" : "bad"}` }),
    h("div", {}, h("strong", {}, PARTS[name] ?? name), h("span", { class: "muted" }, part.why ?? [part.state, details].filter(Boolean).join(" · "))),
  );
}

function stacksOf(said) {
  const names = Object.keys(said.stacks);
  if (!names.length) return card("Stacks", h("p", { class: "empty" }, "No stack is up in this account. `staticfire up` brings them up."));
  return [
    ...names.map((name) => stackCard(name, said.stacks[name], said)),
    said.not_up.length ? h("p", { class: "muted" }, `Not up: ${said.not_up.join(", ")}. \`staticfire up NAME\` brings one up.`) : null,
    said.notes.map((note) => h("p", { class: "muted" }, `Note: ${note}`)),
  ];
}

function stackCard(name, of, said) {
  const addressed = of.resources.filter((resource) => WITH_URL.includes(resource.kind));
  const others = Object.groupBy
    ? Object.groupBy(of.resources.filter((resource) => !WITH_URL.includes(resource.kind)), (resource) => resource.kind)
    : {};
  const database = said.postgres?.databases[name];
  return card(
    h("h2", {}, name, " ", h("span", { class: "muted mono" }, of.root)),
    addressed.map((api) => h("div", { class: "address" }, chip(api.kind), h("span", { class: "muted" }, api.name), snippet(api.url, `Copy the address of ${api.name}`))),
    of.examples.length ? h("h3", {}, "Try it") : null,
    of.examples.map((line) => snippet(line, "Copy the line")),
    h(
      "dl",
      { class: "facts" },
      Object.entries(others).map(([kind, list]) => [h("dt", {}, kind), h("dd", {}, list.map((one) => h("span", { class: "name" }, one.name)))]),
      database ? [h("dt", {}, "Postgres"), h("dd", { class: "mono" }, database)] : null,
    ),
    of.packages.length
      ? h("details", {}, h("summary", {}, `Packages: what is made of what (${of.packages.length})`), packagesTable(of.packages))
      : null,
  );
}

function packagesTable(packages) {
  return table(
    "Packages",
    [
      ["Package", (one) => `${one.name}.zip`],
      ["From", (one) => h("code", {}, one.source)],
      ["Requirements", (one) => (one.requirements ? h("code", {}, one.requirements) : "–")],
      ["Is", (one) => (one.layer ? "a layer" : "a function's code")],
    ],
    packages,
  );
}

function runningTable(functions) {
  return table(
    "Functions",
    [
      ["Function", (one) => h("a", { href: `#/functions/${encodeURIComponent(one.name)}` }, one.name)],
      ["Invocations", (one) => number(one.invocations), "figure"],
      ["Errors", (one) => number(one.errors), "figure"],
      ["Cold starts", (one) => number(one.cold_starts), "figure"],
      ["Throttles", (one) => number(one.throttles), "figure"],
      ["Execution environments", (one) => environments(one.environments), "figure"],
    ],
    [...functions].sort((one, other) => other.invocations - one.invocations),
  );
}

function environments(list) {
  const busy = list.filter((one) => one.state === "busy").length;
  return list.length ? `${list.length} (${busy} busy)` : "none";
}
