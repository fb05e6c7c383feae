"""The report's page in Chromium: it draws its plots, stays by itself, and can be read in any window, light and dark.

The page is that of a real run (docs/load-report.example.json). To make its picture in docs/ anew:

    STATICFIRE_SCREENSHOT=docs/report.png pytest tests/browser -k screenshot
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request

from staticfire.load.report.compare import WORSE, compare
from staticfire.load.report.document import HTML, read
from staticfire.load.report.page import write

EXAMPLE = Path(__file__).parents[2] / "docs" / "load-report.example.json"
VARIABLE = "STATICFIRE_SCREENSHOT"
WIDE, NARROW = 1280, 360
# Of text against what is behind it: https://www.w3.org/TR/WCAG21/#contrast-minimum
READABLE = 4.5

CONTRASTS = """
() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const colour = rgba(getComputedStyle(at).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return [255, 255, 255, 255];
  };
  const luminance = (colour) => {
    const [r, g, b] = colour.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.03928 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const found = {};
  for (const element of document.querySelectorAll("main *")) {
    const said = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!said || element.matches(".inside, .readout text")) continue;
    const style = getComputedStyle(element);
    const text = luminance(rgba(element.tagName === "text" ? style.fill : style.color));
    const back = luminance(behind(element));
    found[element.textContent.trim()] = (Math.max(text, back) + 0.05) / (Math.min(text, back) + 0.05);
  }
  return found;
}
"""


@dataclass
class Opened:
    """A page, and what it did."""

    page: Page
    requests: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def asked(self, request: Request) -> None:
        self.requests.append(request.url)

    def message(self, message: ConsoleMessage) -> None:
        self.said.append(message.text)


Open = Callable[..., Opened]


@pytest.fixture
def report() -> dict[str, Any]:
    document: dict[str, Any] = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    return document


@pytest.fixture
def opened(browser: Browser, report: dict[str, Any], tmp_path: Path) -> Iterator[Open]:
    write(tmp_path, read(EXAMPLE))
    contexts = []

    def open_page(width: int = WIDE, scheme: Literal["light", "dark"] = "light") -> Opened:
        context = browser.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
        contexts.append(context)
        opened = Opened(context.new_page())
        opened.page.on("request", opened.asked)
        opened.page.on("console", opened.message)
        opened.page.on("pageerror", lambda error: opened.said.append(str(error)))
        opened.page.goto((tmp_path / HTML).as_uri())
        return opened

    yield open_page
    for context in contexts:
        context.close()


def test_the_page_says_nothing_on_the_console_and_asks_for_nothing(opened: Open) -> None:
    report_page = opened()
    report_page.page.wait_for_load_state("networkidle")
    assert report_page.said == []
    assert [url for url in report_page.requests if not url.startswith("file:")] == []
    assert len(report_page.requests) == 1


def test_the_style_sheet_is_the_one_that_the_policy_allows(opened: Open) -> None:
    assert opened().page.locator(".card").first.evaluate("card => getComputedStyle(card).borderTopWidth") == "1px"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [WIDE, NARROW])
def test_the_plots_are_drawn(scheme: str, width: int, opened: Open, report: dict[str, Any]) -> None:
    page = opened(width, scheme).page
    plots = page.locator("svg.plot")
    assert plots.count() == 9
    for plot in plots.all():
        box = plot.bounding_box()
        assert box is not None
        assert box["width"] > 250
        assert box["height"] > 50
    for name in ("rate", "p50", "p95", "p99", "environments"):
        line = page.locator(f"path.line.{name}").first
        length = line.evaluate("path => path.getTotalLength()")
        stroke = line.evaluate("path => getComputedStyle(path).stroke")
        assert length > 250
        assert stroke not in ("none", "rgb(0, 0, 0)")
    steps = page.get_by_role("img", name="p95 against what was carried (ms)")
    assert steps.locator("circle.holds, path.breaks").count() == len(report["steps"]) + 2


def test_lines_of_one_plot_differ_by_more_than_colour(opened: Open) -> None:
    page = opened().page
    dashes = [
        page.locator(f"path.line.{name}").first.evaluate("path => getComputedStyle(path).strokeDasharray")
        for name in ("p50", "p95", "p99")
    ]
    assert len(set(dashes)) == 3


@pytest.mark.parametrize("width", [WIDE, 700, NARROW])
def test_the_page_fits_its_window(width: int, opened: Open) -> None:
    page = opened(width).page
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_answers_are_on_the_first_screen(opened: Open) -> None:
    page = opened().page
    for answer in ("How many writes a second", "Was anything lost", "What limits it", "Needs and costs on AWS"):
        box = page.get_by_text(answer, exact=True).bounding_box()
        assert box is not None
        assert box["y"] < 500


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_text_can_be_read(scheme: str, opened: Open) -> None:
    contrasts = opened(WIDE, scheme).page.evaluate(CONTRASTS)
    assert len(contrasts) > 100
    assert {text: contrast for text, contrast in contrasts.items() if contrast < READABLE} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_comparison_faults_and_what_cannot_be_told_can_be_read_too(scheme: str, opened: Open, tmp_path: Path) -> None:
    example = read(EXAMPLE)
    run = replace(example, unknown=("nothing answers",), faults=("dynamodb:UpdateItem  hang",), integrity=None)
    comparison = compare(example, run, example.held)
    measures = [replace(measure, verdict=WORSE) for measure in comparison.measures]
    write(tmp_path, replace(run, comparison=replace(comparison, measures=tuple(measures))))

    page = opened(WIDE, scheme).page
    assert page.locator(".chip").inner_text() == "cannot be told"
    box = page.get_by_text("Against the earlier run", exact=True).bounding_box()
    assert box is not None
    assert box["y"] < 500
    contrasts = page.evaluate(CONTRASTS)
    assert {text: contrast for text, contrast in contrasts.items() if contrast < READABLE} == {}
    assert opened(NARROW, scheme).page.evaluate("document.documentElement.scrollWidth") <= NARROW


def test_what_the_pointer_is_over_is_told(opened: Open, report: dict[str, Any]) -> None:
    page = opened().page
    second = page.locator(".plot").first.locator(".readout").nth(5)
    tooltip = second.locator("text")
    assert not tooltip.is_visible()
    second.locator("rect").hover()
    assert tooltip.is_visible()
    assert f"answered {report['series'][5]['rate']:,}" in (tooltip.text_content() or "")


def test_values_are_told_by_keyboard_too(opened: Open, report: dict[str, Any]) -> None:
    page = opened().page
    plot, said = page.locator("svg.plot").first, page.get_by_role("status")
    plot.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert (said.text_content() or "").startswith("1 s: ")
    assert plot.locator(".readout.on text").is_visible()
    page.keyboard.press("End")
    last = report["series"][-1]["at"] - report["series"][0]["at"]
    assert (said.text_content() or "").startswith(f"{last} s: ")
    page.keyboard.press("Tab")
    assert page.locator(".readout.on").count() == 0


def test_all_time_plots_are_looked_at_more_closely_together(opened: Open) -> None:
    page = opened().page
    plots = page.locator("svg.plot:has(svg.pane)")
    whole = [pane.get_attribute("viewBox") for pane in page.locator("svg.pane").all()]
    plots.first.focus()
    page.keyboard.press("+")
    closer = [pane.get_attribute("viewBox") for pane in page.locator("svg.pane").all()]
    assert all(before != after for before, after in zip(whole, closer, strict=True))
    assert page.locator("svg.plot.zoomed").count() == plots.count()
    page.keyboard.press("0")
    assert page.locator("svg.plot.zoomed").count() == 0

    box = plots.nth(1).bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.4, box["y"] + 60)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.6, box["y"] + 60)
    page.mouse.up()
    assert page.locator("svg.plot.zoomed").count() == plots.count()


def test_a_table_that_scrolls_says_so(opened: Open) -> None:
    page = opened(NARROW).page
    scrolling = page.locator(".scroll.scrolls")
    assert scrolling.count() > 0
    said = scrolling.first.evaluate("box => getComputedStyle(box, '::before').content")
    assert "Scroll sideways" in said
    assert opened(WIDE).page.locator(".scroll.scrolls").count() < scrolling.count()


def test_a_screenshot_can_be_taken(opened: Open, tmp_path: Path) -> None:
    named = os.environ.get(VARIABLE)
    file = Path(named) if named else tmp_path / "report.png"
    opened().page.screenshot(path=file, clip={"x": 0, "y": 0, "width": WIDE, "height": 980}, full_page=True)
    assert file.read_bytes().startswith(b"\x89PNG")
