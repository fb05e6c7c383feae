"""Plots as inline SVG, drawn by hand: a library would bring more script than the page has text.

What the pointer is over is told by a text that CSS shows; report.js adds the keyboard, and looks closer. Colours are
classes (see report.css), which know light and dark; lines differ by their dashes too, so that nothing hangs on colour
alone.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

from markupsafe import Markup, escape

from .analysis import Interval

WIDTH, HEIGHT = 560, 220
LEFT, RIGHT, TOP, BOTTOM = 52, 14, 40, 34
# More seconds than this are drawn as groups of seconds.
POINTS = 240
# From this spread on, an axis of times is logarithmic: one slow second would press all others flat.
LOG_FROM = 30.0


Child: TypeAlias = "str | Iterable[Child] | None"


def element(name: str, /, *children: Child, **attributes: str | float | None) -> Markup:
    """An element of SVG. All text in it is escaped. `class_` is class, `aria_label` is aria-label; None: not there."""
    named = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_short(value))}"'
        for key, value in attributes.items()
        if value is not None
    )
    return Markup(f"<{name}{named}>{''.join(map(_content, children))}</{name}>")


def _content(child: Child) -> str:
    if child is None or isinstance(child, str):
        return escape(child or "")
    return "".join(map(_content, child))


def _short(value: str | float) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)


@dataclass(frozen=True)
class PlotLine:
    """A value a second, None where there is none. `colour`: a class; `summed`: how several seconds become one point."""

    name: str
    values: Sequence[float | None]
    colour: str
    summed: Callable[[Sequence[float]], float] = max
    bars: bool = False


@dataclass(frozen=True)
class Axis:
    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        low, high, value = (
            map(math.log, (self.low, self.high, max(value, self.low))) if self.log else (self.low, self.high, value)
        )
        return self.start + (value - low) / (high - low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            return [10.0**power for power in powers if self.low <= 10.0**power <= self.high]
        step = nice((self.high - self.low) / 4)
        first = math.ceil(self.low / step)
        return [number * step for number in range(first, math.floor(self.high / step + 1e-9) + 1)]


def nice(value: float) -> float:
    """1, 2 or 5 times a power of ten, at least as large."""
    power = 10.0 ** math.floor(math.log10(value))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= value * (1 - 1e-9))


def value_axis(values: Sequence[float], *, times: bool = False) -> Axis:
    """From zero to above the highest; logarithmic for times that are far apart."""
    top = max(values, default=0.0) or 1.0
    above = [value for value in values if value > 0]
    if times and above and top / min(above) > LOG_FROM:
        return Axis(10.0 ** math.floor(math.log10(min(above))), top * 1.3, HEIGHT - BOTTOM, TOP, log=True)
    return Axis(0.0, top * 1.05, HEIGHT - BOTTOM, TOP)


def figure(value: float) -> str:
    """Three digits and no noise: 1,234, 56.7, 0.12."""
    if abs(value) >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


@dataclass(frozen=True)
class TimePlot:
    """Values at the given seconds of a run.

    `marks`: where its parts begin, with their names; `aside`: what comes before this second does not count.
    """

    title: str
    unit: str
    seconds: Sequence[int]
    lines: Sequence[PlotLine]
    times: bool = False
    limit: float | None = None
    marks: Sequence[tuple[int, str]] = ()
    aside: int = 0

    def draw(self) -> Markup:
        size = math.ceil(len(self.seconds) / POINTS) or 1
        at = self.seconds[::size]
        grouped = [_grouped(line, size) for line in self.lines]
        values = [value for group in grouped for value in group if value is not None]
        across = Axis(0, max([*self.seconds, 1]), LEFT, WIDTH - RIGHT)
        near = self.limit is not None and bool(values) and self.limit < 3 * max(values)
        up = value_axis([*values, *([self.limit] if self.limit and near else [])], times=self.times)
        return drawing(
            f"{self.title}, {self.unit}, second by second",
            element(
                "rect", x=LEFT, y=TOP, width=across.at(self.aside) - LEFT, height=HEIGHT - BOTTOM - TOP, class_="aside"
            ),
            caption(f"{self.title} ({self.unit})"),
            grid(across, up, "s"),
            list(self._names(across)),
            limit_line(up, self.limit) if self.limit is not None and up.low < self.limit < up.high else None,
            _pane(
                across,
                [_mark(across, second) for second, _ in self.marks],
                [
                    _drawn(line, list(zip(at, group, strict=True)), size, across, up)
                    for line, group in zip(self.lines, grouped, strict=True)
                ],
            ),
            legend([(line.name, line.colour) for line in self.lines]),
            None
            if any(values)
            else element("text", "none", x=(LEFT + WIDTH - RIGHT) / 2, y=HEIGHT / 2, class_="tick middle"),
            list(self._readouts(at, grouped, size, across)),
        )

    def _names(self, across: Axis) -> Iterator[Markup]:
        """Of the parts, but where the next mark leaves no room."""
        ends = [*(across.at(second) for second, _ in self.marks[1:]), float(WIDTH)]
        for (second, name), end in zip(self.marks, ends, strict=False):
            x = across.at(second)
            if 5.2 * len(name) + 4 < end - x:
                yield element("text", name, x=x + 3, y=TOP + 9, class_="tick faint part-name")

    def _readouts(
        self, at: Sequence[int], grouped: Sequence[Sequence[float | None]], size: int, across: Axis
    ) -> Iterator[Markup]:
        """For each point a band that shows its values while the pointer is over it."""
        width = max(across.at(size) - across.at(0), 1.0)
        for second, *values in zip(at, *grouped, strict=True):
            texts = [
                f"{line.name} {figure(value)}"
                for line, value in zip(self.lines, values, strict=True)
                if value is not None
            ]
            text = f"{second} s: {', '.join(texts)}"
            yield readout(across.at(second) - width / 2, width, text, at=second, size=size)


def _grouped(line: PlotLine, size: int) -> list[float | None]:
    groups = (line.values[start : start + size] for start in range(0, len(line.values), size))
    present = ([value for value in group if value is not None] for group in groups)
    return [line.summed(group) if group else None for group in present]


def _drawn(line: PlotLine, values: Sequence[tuple[int, float | None]], size: int, across: Axis, up: Axis) -> Markup:
    points = [(across.at(second), value) for second, value in values]
    if line.bars:
        width = max((across.at(size) - across.at(0)) * 0.8, 1.0)
        floor = up.at(up.low)
        bars = [
            element("rect", x=x - width / 2, y=up.at(value), width=width, height=max(floor - up.at(value), 0.0))
            for x, value in points
            if value
        ]
        return element("g", bars, class_=f"bars {line.colour}")
    path: list[str] = []
    pen = "M"
    for x, value in points:
        if value is None:
            pen = "M"
            continue
        path.append(f"{pen}{x:.1f} {up.at(value):.1f}")
        pen = "L"
    return element("path", d="".join(path), class_=f"line {line.colour}")


def drawing(label: str, *children: Markup | Sequence[Markup] | None, height: int = HEIGHT) -> Markup:
    return element("svg", *children, viewBox=f"0 0 {WIDTH} {height}", role="img", aria_label=label, class_="plot")


def caption(text: str) -> Markup:
    return element("text", text, x=LEFT, y=13, class_="caption")


def grid(across: Axis, up: Axis, unit: str) -> Markup:
    """Both axes with their ticks; the unit stands at the end of the horizontal one."""
    floor = up.at(up.low)
    ticks = []
    for tick in across.ticks():
        x = across.at(tick)
        ticks.append(element("line", x1=x, x2=x, y1=floor, y2=floor + 4, class_="axis"))
        ticks.append(element("text", figure(tick), x=x, y=floor + 16, class_="tick middle"))
    return element(
        "g",
        _levels(up),
        element("g", ticks, class_="across"),
        element("text", unit, x=WIDTH - RIGHT, y=floor + 30, class_="tick end"),
    )


def limit_line(up: Axis, limit: float) -> Markup:
    y = up.at(limit)
    return element(
        "g",
        element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="limit"),
        element("text", f"limit {figure(limit)}", x=WIDTH - RIGHT - 2, y=y - 4, class_="tick end"),
    )


def legend(entries: Sequence[tuple[str, str]], *, x: float = LEFT, y: float = 29) -> Markup:
    parts = []
    crowded = len(entries) > 4
    for name, colour in entries:
        parts.append(element("line", x1=x, x2=x + (14 if crowded else 22), y1=y - 4, y2=y - 4, class_=f"line {colour}"))
        parts.append(element("text", name, x=x + (18 if crowded else 27), y=y, class_="tick"))
        x += (26 if crowded else 42) + 6.4 * len(name)
    return element("g", parts, class_="legend")


def readout(x: float, width: float, text: str, *, at: int | None = None, size: int | None = None) -> Markup:
    """`at` and `size`: the second of a time plot, and how many it stands for."""
    return element(
        "g",
        element("rect", x=x, y=TOP, width=width, height=HEIGHT - BOTTOM - TOP),
        element("text", text, x=WIDTH - RIGHT, y=13, class_="tick end"),
        class_="readout",
        data_at=at,
        data_size=size,
    )


def _pane(across: Axis, *children: Sequence[Markup]) -> Markup:
    """What is stretched when somebody looks closer: nothing of it is text."""
    width, height = WIDTH - RIGHT - LEFT, HEIGHT - BOTTOM - TOP
    return element(
        "svg",
        *children,
        x=LEFT,
        y=TOP,
        width=width,
        height=height,
        viewBox=f"{LEFT} {TOP} {width} {height}",
        preserveAspectRatio="none",
        class_="pane",
        data_low=across.low,
        data_high=across.high,
    )


def _mark(across: Axis, at: float) -> Markup:
    x = across.at(at)
    return element("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, class_="mark")


@dataclass(frozen=True)
class Dot:
    """A step: what it carried, how long it took, whether it held."""

    x: float
    y: float
    holds: bool
    text: str


def step_plot(title: str, dots: Sequence[Dot], limit: float | None, knee: Interval | None) -> Markup:
    """What each step carried against its 95th percentile. A step that holds is a disc, one that does not a cross."""
    shown = [limit] if limit is not None and dots and limit < 3 * max(dot.y for dot in dots) else []
    up = value_axis([*(dot.y for dot in dots), *shown], times=True)
    across = Axis(0, max((dot.x for dot in dots), default=1.0) * 1.06 or 1.0, LEFT, WIDTH - RIGHT)
    path = "".join(
        f"{'L' if number else 'M'}{across.at(dot.x):.1f} {up.at(dot.y):.1f}" for number, dot in enumerate(dots)
    )
    return drawing(
        title,
        caption(title),
        grid(across, up, "requests/s carried"),
        limit_line(up, limit) if limit is not None and up.low < limit < up.high else None,
        None if knee is None else _knee(across, knee),
        element("path", d=path, class_="line thin p95"),
        [_dot(across.at(dot.x), up.at(dot.y), dot) for dot in dots],
        element(
            "g",
            element("circle", cx=LEFT + 6, cy=25, r=4.5, class_="holds"),
            element("text", "holds", x=LEFT + 16, y=29, class_="tick"),
            element("path", d=_cross(LEFT + 66, 25), class_="breaks"),
            element("text", "does not", x=LEFT + 76, y=29, class_="tick"),
        ),
    )


def _knee(across: Axis, knee: Interval) -> Markup:
    """Where it lies, and how surely. The text is on the side that has room."""
    x, low, high = (across.at(min(rate, across.high)) for rate in (knee.middle, knee.low, knee.high))
    left, text = x > WIDTH / 2, f"knee: {figure(knee.middle)}/s"
    return element(
        "g",
        element("rect", x=low, y=TOP, width=high - low, height=HEIGHT - BOTTOM - TOP, class_="aside"),
        element("line", x1=x, x2=x, y1=TOP, y2=HEIGHT - BOTTOM, class_="mark"),
        element("text", text, x=x - 4 if left else x + 4, y=HEIGHT - BOTTOM - 6, class_="tick end" if left else "tick"),
    )


def _dot(x: float, y: float, dot: Dot) -> Markup:
    shape = (
        element("circle", cx=x, cy=y, r=4.5, class_="holds")
        if dot.holds
        else element("path", d=_cross(x, y), class_="breaks")
    )
    target = element("circle", cx=x, cy=y, r=11)
    text = element("text", dot.text, x=WIDTH - RIGHT, y=13, class_="tick end")
    return element("g", shape, element("g", target, text, class_="readout"))


def _cross(x: float, y: float) -> str:
    return f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"


def stacked_bar(title: str, parts: Sequence[tuple[str, float]], unit: str) -> Markup:
    """What one thing after the other adds. What takes away has its figure, and is drawn as nothing."""
    total = sum(max(value, 0.0) for _, value in parts) or 1.0
    height = 70 + 18 * math.ceil(len(parts) / 2)
    x, drawn, names = float(LEFT), [], []
    for number, (name, value) in enumerate(parts):
        width = max(value, 0.0) / total * (WIDTH - RIGHT - LEFT)
        colour = f"part{number % 6}"
        drawn.append(element("rect", x=x, y=24, width=width, height=30, class_=f"part {colour}"))
        if width > 44:
            drawn.append(element("text", figure(value), x=x + width / 2, y=44, class_=f"inside middle on-{colour}"))
        column, row = number % 2, number // 2
        left, top = LEFT + column * 250, 74 + 18 * row
        names.append(element("rect", x=left, y=top - 9, width=11, height=11, class_=f"part {colour}"))
        names.append(element("text", f"{name} {value:+.3g} {unit}", x=left + 17, y=top + 1, class_="tick"))
        x += width
    return drawing(title, caption(title), drawn, names, height=height)


def interval_bar(low: float, middle: float, high: float, most: float) -> Markup:
    """A change with its noise, around zero."""
    across = Axis(-most, most, 4, 136)
    return element(
        "svg",
        element("line", x1=across.at(0), x2=across.at(0), y1=1, y2=17, class_="axis"),
        element(
            "line", x1=across.at(max(low, -most)), x2=across.at(min(high, most)), y1=9, y2=9, class_="line p95 solid"
        ),
        element("circle", cx=across.at(max(-most, min(middle, most))), cy=9, r=4, class_="holds"),
        viewBox="0 0 140 18",
        role="img",
        aria_label=f"{low:+.1%} to {high:+.1%}",
        class_="interval",
    )


def distribution_plot(title: str, lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]]) -> Markup:
    """Percentiles against latency: each nine has as much room as the one before. A line: name, colour, (share, ms)."""
    every = [point for _, _, points in lines for point in points]
    up = value_axis([ms for _, ms in every], times=True)
    nines = max((-math.log10(1 - share) for share, _ in every), default=1.0)
    across = Axis(0.0, max(nines, 0.5), LEFT, WIDTH - RIGHT)

    def x(share: float) -> float:
        return across.at(-math.log10(1 - share))

    floor = up.at(up.low)
    ticks: list[Markup] = []
    for share, name in ((0.0, "0"), (0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9"), (0.9999, "p99.99")):
        if -math.log10(1 - share) <= across.high + 1e-9:
            ticks.append(element("line", x1=x(share), x2=x(share), y1=floor, y2=floor + 4, class_="axis"))
            ticks.append(element("text", name, x=x(share), y=floor + 16, class_="tick middle"))
    drawn = []
    for _, colour, points in lines:
        path = "".join(
            f"{'L' if index else 'M'}{x(share):.1f} {up.at(ms):.1f}" for index, (share, ms) in enumerate(points)
        )
        drawn.append(element("path", d=path, class_=f"line {colour}"))
    return drawing(
        title,
        caption(title),
        _levels(up),
        ticks,
        drawn,
        legend([(name, colour) for name, colour, _ in lines]),
        list(_shares(lines, x)),
    )


def _levels(up: Axis) -> Markup:
    parts = []
    for tick in up.ticks():
        y = up.at(tick)
        parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid"))
        parts.append(element("text", figure(tick), x=LEFT - 6, y=y + 4, class_="tick end"))
    floor = up.at(up.low)
    parts.append(element("line", x1=LEFT, x2=WIDTH - RIGHT, y1=floor, y2=floor, class_="axis"))
    return element("g", parts)


def _shares(
    lines: Sequence[tuple[str, str, Sequence[tuple[float, float]]]], x: Callable[[float], float]
) -> Iterator[Markup]:
    """For each share a band that shows the values of all lines."""
    columns = list(zip(*(points for _, _, points in lines), strict=True))
    places = [x(column[0][0]) for column in columns]
    edges = [LEFT, *((left + right) / 2 for left, right in pairwise(places)), WIDTH - RIGHT]
    for column, (left, right) in zip(columns, pairwise(edges), strict=False):
        texts = [f"{name} {figure(ms)} ms" for (name, _, _), (_, ms) in zip(lines, column, strict=True)]
        yield readout(left, right - left, f"p{column[0][0] * 100:.6g}: {', '.join(texts)}")
