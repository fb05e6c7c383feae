// A table of any length: only the rows in sight are elements. Arrow keys, Page Up and Down, Home, End and Enter work.

import { h, show } from "./dom.js";

const ROW = 34;
const BEYOND = 12;

export class VirtualTable {
  /** `columns`: [heading, row => node or text, class]; `key(row)` names a row; `open(row)` shows it; `more()` asks for older rows. */
  constructor(label, columns, { key, open, more }) {
    this.columns = columns;
    this.key = key;
    this.open = open;
    this.more = more;
    this.rows = [];
    this.at = null;
    this.first = -1;
    this.body = h("div", { class: "vbody", role: "rowgroup" });
    this.scroller = h(
      "div",
      {
        class: "vtable",
        role: "grid",
        "aria-label": label,
        tabindex: "0",
        onscroll: () => this.draw(),
        onkeydown: (event) => this.press(event),
      },
      h("div", { class: "vhead", role: "rowgroup" }, h("div", { class: "vrow", role: "row" }, columns.map(([name, , kind]) => h("div", { role: "columnheader", class: kind }, name)))),
      this.body,
    );
    new ResizeObserver(() => this.draw()).observe(this.scroller);
  }

  set(rows) {
    this.rows = rows;
    this.first = -1;
    this.scroller.setAttribute("aria-rowcount", String(rows.length + 1));
    this.draw();
  }

  draw() {
    const count = this.rows.length;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW) - BEYOND);
    const last = Math.min(count, first + Math.ceil(this.scroller.clientHeight / ROW) + 2 * BEYOND);
    this.body.style.setProperty("height", `${count * ROW}px`);
    if (first !== this.first || last !== this.last) {
      this.first = first;
      this.last = last;
      show(this.body, this.rows.slice(first, last).map((row, place) => this.line(row, first + place)));
    }
    if (count - last < 100) this.more();
  }

  line(row, number) {
    const current = this.key(row) === this.at;
    return h(
      "div",
      {
        class: current ? "vrow current" : "vrow",
        role: "row",
        id: `row-${this.key(row)}`,
        "aria-rowindex": number + 2,
        "aria-selected": String(current),
        style: { transform: `translateY(${number * ROW}px)` },
        onclick: () => this.pick(row, true),
      },
      this.columns.map(([, cell, kind]) => h("div", { role: "gridcell", class: kind }, cell(row))),
    );
  }

  pick(row, open = false) {
    this.at = row ? this.key(row) : null;
    this.first = -1;
    if (row) this.scroller.setAttribute("aria-activedescendant", `row-${this.at}`);
    else this.scroller.removeAttribute("aria-activedescendant");
    this.draw();
    if (open && row) this.open(row);
  }

  press(event) {
    const here = this.rows.findIndex((row) => this.key(row) === this.at);
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW) - 2);
    const step = { ArrowDown: here + 1, ArrowUp: here - 1, PageDown: here + page, PageUp: here - page, Home: 0, End: this.rows.length - 1 }[event.key];
    if (event.key === "Enter" && here >= 0) this.open(this.rows[here]);
    if (step === undefined || !this.rows.length) return;
    event.preventDefault();
    const next = Math.min(this.rows.length - 1, Math.max(0, step));
    const head = this.scroller.firstElementChild.offsetHeight;
    const view = this.scroller.clientHeight - head;
    if (next * ROW < this.scroller.scrollTop) this.scroller.scrollTop = next * ROW;
    else if ((next + 1) * ROW > this.scroller.scrollTop + view) this.scroller.scrollTop = (next + 1) * ROW - view;
    this.pick(this.rows[next]);
  }
}
