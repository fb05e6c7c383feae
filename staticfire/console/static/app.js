// The console's frame: its pages, the live stream, the theme, the account.

import { get, stack } from "./api.js";
import { button, h, icon, problem, show, toast } from "./dom.js";
import { overviewPage } from "./overview.js";
import { requestsPage } from "./requests.js";
import { functionsPage } from "./functions.js";
import { dataPage } from "./data.js";
import { dashboardsPage } from "./dashboards.js";
import { faultsPage } from "./faults.js";
import { loadPage } from "./loads.js";

const PAGES = [
  ["overview", "Overview", overviewPage],
  ["requests", "Requests", requestsPage],
  ["functions", "Functions", functionsPage],
  ["data", "Data", dataPage],
  ["dashboards", "Dashboards", dashboardsPage],
  ["faults", "Faults", faultsPage],
  ["load", "Load", loadPage],
];
const SAMPLES = 240;

/** What is live: pages listen while they are shown. */
export const live = Object.assign(new EventTarget(), { state: null, traces: [], samples: [] });

let leave = () => {};
const main = document.getElementById("main");
const links = Object.fromEntries(PAGES.map(([key, name]) => [key, h("a", { href: `#/${key}` }, icon(key), h("span", {}, name))]));
show(document.getElementById("nav"), Object.values(links));

function route() {
  const [key = "overview", ...rest] = location.hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  const page = PAGES.find(([name]) => name === (key || "overview"));
  if (!page) {
    location.hash = "#/overview";
    return;
  }
  leave();
  for (const [name, link] of Object.entries(links)) {
    if (name === page[0]) {
      link.setAttribute("aria-current", "page");
      // On a narrow screen the pages are one line that scrolls.
      link.parentElement.scrollLeft = link.offsetLeft - link.parentElement.offsetLeft - 24;
    } else link.removeAttribute("aria-current");
  }
  document.title = `${page[1]} · Staticfire`;
  const leaving = new AbortController();
  leave = () => leaving.abort();
  const box = h("div", { class: `page page-${page[0]}` });
  show(main, box);
  window.scrollTo(0, 0);
  try {
    page[2]({ box, rest, live, signal: leaving.signal });
  } catch (error) {
    show(box, problem(error));
  }
}

function theme() {
  const kept = localStorage.getItem("theme");
  if (kept) document.documentElement.dataset.theme = kept;
  const toggle = h(
    "button",
    {
      type: "button",
      class: "ghost",
      "aria-label": "Light or dark",
      title: "Light or dark",
      onclick: () => {
        const dark = document.documentElement.dataset.theme
          ? document.documentElement.dataset.theme === "dark"
          : matchMedia("(prefers-color-scheme: dark)").matches;
        document.documentElement.dataset.theme = dark ? "light" : "dark";
        localStorage.setItem("theme", document.documentElement.dataset.theme);
      },
    },
    icon("sun"),
  );
  return toggle;
}

const status = h("span", { class: "status" }, h("span", { class: "led" }), h("span", {}, "connecting"));
const accounts = h("select", { "aria-label": "Account", class: "account" });
accounts.addEventListener("change", () => {
  sessionStorage.setItem("account", accounts.value);
  location.reload();
});
show(document.getElementById("side-end"), accounts, h("div", { class: "side-row" }, status, theme()));

function shown(state) {
  const well = state.state === "running";
  show(status, h("span", { class: `led ${well ? "good" : "bad"}` }), h("span", {}, well ? "running" : state.state));
  const names = new Set([stack.account, ...state.functions.map((one) => one.account)]);
  if (names.size !== accounts.options.length) {
    show(accounts, [...names].sort().map((name) => h("option", { value: name, selected: name === stack.account }, name)));
  }
}

function listen() {
  const source = new EventSource("api/live");
  source.addEventListener("state", (event) => {
    const state = (live.state = JSON.parse(event.data));
    live.samples.push(state.functions.reduce((sum, one) => sum + one.in_flight, 0));
    if (live.samples.length > SAMPLES) live.samples.shift();
    shown(state);
    live.dispatchEvent(new Event("state"));
  });
  source.addEventListener("traces", (event) => {
    live.traces = JSON.parse(event.data).traces;
    live.dispatchEvent(new Event("traces"));
  });
  source.addEventListener("error", () => {
    show(status, h("span", { class: "led bad" }), h("span", {}, "console is away"));
  });
}

async function begin() {
  stack.account = sessionStorage.getItem("account") ?? stack.account;
  try {
    stack.overview = await get("overview", { account: stack.account });
    stack.region = stack.overview.region;
  } catch (error) {
    show(main, h("div", { class: "page" }, h("h1", {}, "Nothing answers"), problem(error), button("Try again", () => location.reload())));
    return;
  }
  addEventListener("hashchange", route);
  addEventListener("unhandledrejection", (event) => {
    if (event.reason?.name === "AbortError") event.preventDefault();
    else toast(event.reason?.message ?? String(event.reason), true);
  });
  route();
  listen();
}

begin();
