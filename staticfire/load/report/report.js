/* The report without it is whole; with it, its plots can be read by keyboard and looked at more closely.
   Arrow keys move from point to point and say its values; dragging across a time plot, or + on it, zooms all of them. */
"use strict";
(() => {
  const LEFT = 52, RIGHT = 546;
  const plots = [...document.querySelectorAll("svg.plot")].map((svg) => ({
    svg,
    points: [...svg.querySelectorAll("g.readout")],
    pane: svg.querySelector("svg.pane"),
    at: -1,
  }));
  const status = document.getElementById("said");
  const number = (node, name) => parseFloat(node.getAttribute(name));
  const shown = (point) => !point.hasAttribute("hidden");

  const show = (plot, at) => {
    if (plot.at >= 0) plot.points[plot.at].classList.remove("on");
    plot.at = at;
    if (at < 0) return;
    plot.points[at].classList.add("on");
    status.textContent = plot.points[at].querySelector("text").textContent;
  };

  const step = (plot, by) => {
    let at = plot.at;
    do at += by; while (plot.points[at] && !shown(plot.points[at]));
    if (plot.points[at]) show(plot, at);
  };

  /* All time plots have the same seconds from `low` to `high`: they are looked at together. */
  const timed = plots.filter((plot) => plot.pane);
  const whole = timed.length ? [number(timed[0].pane, "data-low"), number(timed[0].pane, "data-high")] : [0, 1];
  let view = whole;

  const place = (second) => LEFT + ((second - view[0]) / (view[1] - view[0])) * (RIGHT - LEFT);

  const zoom = (low, high) => {
    const least = Math.min(5, whole[1] - whole[0]);
    low = Math.max(whole[0], low);
    high = Math.min(whole[1], Math.max(high, low + least));
    low = Math.max(whole[0], Math.min(low, high - least));
    view = [low, high];
    const scale = (RIGHT - LEFT) / (whole[1] - whole[0]);
    for (const { pane, svg, points } of timed) {
      const [, top, , height] = pane.getAttribute("viewBox").split(" ");
      pane.setAttribute("viewBox", `${LEFT + (low - whole[0]) * scale} ${top} ${(high - low) * scale} ${height}`);
      svg.classList.toggle("zoomed", low > whole[0] || high < whole[1]);
      const ticks = [...svg.querySelectorAll(".across text")];
      const lines = [...svg.querySelectorAll(".across line")];
      ticks.forEach((tick, index) => {
        const second = low + ((high - low) * (index + 0.5)) / ticks.length;
        const rounded = high - low > 4 * ticks.length ? Math.round(second) : Math.round(second * 10) / 10;
        tick.textContent = String(rounded);
        tick.setAttribute("x", place(rounded));
        lines[index].setAttribute("x1", place(rounded));
        lines[index].setAttribute("x2", place(rounded));
      });
      for (const point of points) {
        const box = point.querySelector("rect");
        const from = place(number(point, "data-at") - number(point, "data-size") / 2);
        const to = place(number(point, "data-at") + number(point, "data-size") / 2);
        point.toggleAttribute("hidden", to < LEFT || from > RIGHT);
        box.setAttribute("x", Math.max(LEFT, from));
        box.setAttribute("width", Math.max(0, Math.min(RIGHT, to) - Math.max(LEFT, from)));
      }
    }
    status.textContent = `${Math.round(low)} to ${Math.round(high)} s`;
  };

  const closer = (factor, middle) => {
    const half = ((view[1] - view[0]) * factor) / 2;
    const centre = middle ?? (view[0] + view[1]) / 2;
    zoom(centre - half, centre + half);
  };

  for (const plot of plots) {
    if (!plot.points.length) continue;
    plot.svg.setAttribute("tabindex", "0");
    plot.svg.addEventListener("blur", () => show(plot, -1));
    plot.svg.addEventListener("keydown", (event) => {
      const at = plot.at < 0 || !plot.pane ? undefined : number(plot.points[plot.at], "data-at");
      const keys = {
        ArrowRight: () => step(plot, 1),
        ArrowLeft: () => step(plot, -1),
        Home: () => { show(plot, -1); step(plot, 1); },
        End: () => {
          show(plot, -1);
          let last = plot.points.length - 1;
          while (last > 0 && !shown(plot.points[last])) last -= 1;
          show(plot, last);
        },
        ...(plot.pane && {
          "+": () => closer(0.5, at),
          "-": () => closer(2, at),
          "0": () => zoom(...whole),
          Escape: () => zoom(...whole),
        }),
      };
      if (!keys[event.key]) return;
      keys[event.key]();
      event.preventDefault();
    });
  }

  for (const { svg } of timed) {
    let begun = null;
    const second = (event) => {
      const box = svg.getBoundingClientRect();
      const x = ((event.clientX - box.left) / box.width) * 560;
      return view[0] + ((x - LEFT) / (RIGHT - LEFT)) * (view[1] - view[0]);
    };
    svg.addEventListener("pointerdown", (event) => { begun = second(event); });
    svg.addEventListener("pointerup", (event) => {
      const ended = second(event);
      if (begun !== null && Math.abs(ended - begun) * 25 > view[1] - view[0]) zoom(Math.min(begun, ended), Math.max(begun, ended));
      begun = null;
    });
    svg.addEventListener("dblclick", () => zoom(...whole));
  }

  /* Say of a table that it scrolls, where it does. */
  const tables = [...document.querySelectorAll(".scroll")];
  const tell = () => tables.forEach((box) => {
    const scrolls = box.scrollWidth > box.clientWidth + 1;
    box.classList.toggle("scrolls", scrolls);
    if (scrolls) box.setAttribute("tabindex", "0"); else box.removeAttribute("tabindex");
  });
  addEventListener("resize", tell);
  tell();
})();
