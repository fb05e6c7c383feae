// Lines over time as SVG, by hand: a library would be code of others on a page that holds the user's data.

import { h, svg, show } from "./dom.js";
import { clock, number } from "./format.js";

export const TONES = ["c1", "c2", "c3", "c4", "c5", "c6"];

function ticks(most) {
  if (!(most > 0)) return [0, 1];
  const rough = most / 3;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 2.5, 5, 10].map((factor) => factor * power).find((one) => one >= rough);
  const marks = [];
  for (let value = 0; value < most + step; value += step) marks.push(Number(value.toPrecision(10)));
  return marks;
}

/** `series`: [{label, points: [[seconds, value]]}]; `span`: [from, to] in seconds; `lines`: [[value, label]]. */
export function lines(title, series, { span, unit = "", marks = [], height = 190 } = {}) {
  const width = 500;
  const [left, right, top, bottom] = [44, 10, 10, 24];
  const values = series.flatMap((one) => one.points.map((point) => point[1]));
  const scale = ticks(Math.max(0, ...values, ...marks.map(([value]) => value)));
  const most = scale[scale.length - 1];
  const times = series.flatMap((one) => one.points.map((point) => point[0]));
  const [from, to] = span ?? (times.length ? [Math.min(...times), Math.max(...times)] : [Date.now() / 1000 - 60, Date.now() / 1000]);
  const x = (at) => left + ((at - from) / Math.max(1e-9, to - from)) * (width - left - right);
  const y = (value) => top + (1 - value / most) * (height - top - bottom);
  const readout = h("p", { class: "readout" }, " ");
  const picture = svg(
    "svg",
    { viewBox: `0 0 ${width} ${height}`, class: "plot", role: "img", "aria-label": `${title}: ${said(series, unit)}` },
    scale.map((value) => [
      svg("line", { class: "grid", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
      svg("text", { class: "axis", x: left - 6, y: y(value) + 4, "text-anchor": "end" }, number(value)),
    ]),
    [0, 0.25, 0.5, 0.75, 1].map((share) => {
      const at = from + share * (to - from);
      const anchor = share === 0 ? "start" : share === 1 ? "end" : "middle";
      return svg("text", { class: "axis", x: x(at), y: height - 6, "text-anchor": anchor }, clock(at).slice(0, to - from > 900 ? 5 : 8));
    }),
    marks.map(([value, label]) => [
      svg("line", { class: "limit", x1: left, x2: width - right, y1: y(value), y2: y(value) }),
      svg("text", { class: "axis limit-text", x: width - right, y: y(value) - 4, "text-anchor": "end" }, label),
    ]),
    series.map((one, index) => {
      const tone = TONES[index % TONES.length];
      const points = one.points.map(([at, value]) => [x(at), y(value)]);
      return [
        svg("path", { class: `line ${tone} dash${index % 3}`, d: points.map(([px, py], place) => `${place ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`).join("") }),
        points.length <= 60 && points.map(([px, py]) => svg("circle", { class: `dot ${tone}`, cx: px, cy: py, r: 2.4 })),
      ];
    }),
    svg("rect", {
      class: "catcher",
      x: left,
      y: 0,
      width: width - left - right,
      height,
      onmousemove: (event) => {
        const box = picture.getBoundingClientRect();
        const at = from + (((event.clientX - box.left) * (width / box.width) - left) / (width - left - right)) * (to - from);
        const near = series.map((one) => {
          const point = one.points.reduce((best, next) => (!best || Math.abs(next[0] - at) < Math.abs(best[0] - at) ? next : best), null);
          return point ? `${one.label} ${number(point[1])}${unit}` : null;
        });
        show(readout, `${clock(at)}  ${near.filter(Boolean).join(" · ")}`);
      },
      onmouseleave: () => show(readout, " "),
    }),
  );
  return h("figure", { class: "chart" }, picture, readout, legend(series));
}

export function legend(series) {
  return h(
    "ul",
    { class: "legend" },
    series.map((one, index) => h("li", {}, h("span", { class: `swatch ${TONES[index % TONES.length]} dash${index % 3}` }), one.label)),
  );
}

function said(series, unit) {
  return series
    .map((one) => (one.points.length ? `${one.label} last ${number(one.points[one.points.length - 1][1])}${unit}` : `${one.label}: no data`))
    .join("; ");
}

/** A line without axes. */
export function spark(values, label) {
  const [width, height] = [120, 28];
  const most = Math.max(1, ...values);
  const path = values.map((value, place) => `${place ? "L" : "M"}${((place / Math.max(1, values.length - 1)) * width).toFixed(1)} ${(height - 2 - (value / most) * (height - 4)).toFixed(1)}`).join("");
  return svg("svg", { viewBox: `0 0 ${width} ${height}`, class: "spark", role: "img", "aria-label": label }, svg("path", { class: "line c1", d: path }));
}
