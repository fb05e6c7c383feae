"""The console in Chromium, over one running stack: each page does what it is for, for eyes, keyboard and screen reader.

To make the pictures of docs/console.md anew: STATICFIRE_CONSOLE_PICTURES=docs/console pytest tests/browser -k pictures
"""

from __future__ import annotations

import json
import os
import re
import runpy
import shutil
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pytest
from axe_core_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Route, expect

from staticfire.console.process import ConsoleProcess
from staticfire.load.record import Tally
from staticfire.testing.kit import StackUnderTest
from staticfire.testing.run import WorkerStacks

EXAMPLE = Path(__file__).parents[2] / "docs" / "load-report.example.json"
VARIABLE = "STATICFIRE_CONSOLE_PICTURES"
STACK = "tasks"
WIDE, NARROW = 1280, 400
PAGES = ("overview", "requests", "functions", "data", "dashboards", "faults", "load")
# Of a page that is whole; the rules are those of WCAG 2.1, levels A and AA.
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}
EVIL = "<img src=x onerror=\"document.title='taken'\">"
Scheme = Literal["light", "dark"]
# What Chromium itself says of an answer that is not 2xx; the page says it to the user.
ANSWERED = re.compile(r"Failed to load resource: the server responded with a status of (404|422) ")
expect.set_options(timeout=30_000)


@dataclass
class Shown:
    """A page of the console, and what it did."""

    page: Page
    address: str
    said: list[str] = field(default_factory=list)
    elsewhere: list[str] = field(default_factory=list)

    def to(self, place: str) -> Page:
        self.page.goto("about:blank")
        self.page.goto(f"{self.address}#/{place}")
        expect(self.page.locator("h1")).to_be_visible()
        return self.page


@pytest.fixture(scope="module")
def stack(staticfire_stacks: Callable[[str], StackUnderTest]) -> StackUnderTest:
    stack = staticfire_stacks(STACK)
    assert stack.api.post("/tasks", json={"title": EVIL}).status == 201
    assert stack.api.get("/tasks?status=open").status == 200
    assert stack.api.get("/nothing").status == 404
    queue = stack.aws("sqs").create_queue(QueueName="console-orders")["QueueUrl"]
    stack.aws("sqs").send_message(QueueUrl=queue, MessageBody=EVIL)
    stack.aws("s3").create_bucket(Bucket=f"console-{stack.account}")
    stack.aws("s3").put_object(Bucket=f"console-{stack.account}", Key="notes/hello.json", Body=b'{"hello": "there"}')
    with suppress(stack.aws("secretsmanager").exceptions.ResourceExistsException):  # of an earlier run of a kept stack
        stack.aws("secretsmanager").create_secret(Name="console/key", SecretString="s3cr3t-value")
    return stack


@pytest.fixture(scope="module")
def address(stack: StackUnderTest, _staticfire_worker: WorkerStacks) -> Iterator[str]:
    process = ConsoleProcess(_staticfire_worker.settings)
    run = process.layout.reports / "2026-01-01T10-00-00"
    for name, rate in ((run.name, 1.0), ("2026-01-02T10-00-00", 1.1)):
        directory = run.with_name(name)
        directory.mkdir(parents=True, exist_ok=True)
        report = json.loads(EXAMPLE.read_text(encoding="utf-8"))
        report["measured"]["rate"] *= rate
        (directory / "report.json").write_text(json.dumps(report))
        (directory / "report.html").write_text("<!doctype html><title>Report</title><p>The report</p>")
    now = run.with_name("2026-01-03T10-00-00")
    now.mkdir(exist_ok=True)
    second, fast = int(time.time()), Counter({4.2: 19, 9.1: 1})
    lines = [
        {"phase": "steady", "at": second, "users": 5, "rate": 20.0},
        {"second": second, "name": "GET /", **Tally(20, 0, fast, fast).line()},
        {"second": second + 1, "name": "GET /", **Tally(21, 1, fast, fast).line()},
    ]
    (now / "record.jsonl").write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    yield process.start()
    process.stop()
    for name in (run.name, "2026-01-02T10-00-00", now.name):
        shutil.rmtree(run.with_name(name))


@pytest.fixture
def shown(browser: Browser, address: str, stack: StackUnderTest) -> Iterator[Callable[..., Shown]]:
    contexts: list[tuple[BrowserContext, Shown]] = []

    def open_console(width: int = WIDE, scheme: Scheme = "light") -> Shown:
        context = browser.new_context(viewport={"width": width, "height": 860}, color_scheme=scheme)
        chosen = f"sessionStorage.setItem('account', '{stack.account}')"
        context.add_init_script(f"if (location.protocol === 'http:') {chosen}")
        console = Shown(context.new_page(), address)

        def message(message: ConsoleMessage) -> None:
            if not ANSWERED.match(message.text):
                console.said.append(message.text)

        console.page.on("console", message)
        console.page.on("pageerror", lambda error: console.said.append(str(error)))
        console.page.on(
            "request",
            lambda request: (
                None if request.url.startswith((address, "about:")) else console.elsewhere.append(request.url)
            ),
        )
        contexts.append((context, console))
        return console

    yield open_console
    for context, console in contexts:
        context.close()
        assert console.said == [], "the page spoke on its console"
        assert console.elsewhere == [], "the page asked elsewhere"


@pytest.fixture
def console(shown: Callable[..., Shown]) -> Shown:
    return shown()


def test_overview_says_what_runs_and_how_to_reach_it(console: Shown, stack: StackUnderTest) -> None:
    page = console.to("overview")
    for part in ("Edge", "Emulator", "Postgres", "Functions"):
        expect(page.locator(".part", has_text=part).first).to_contain_text("running")
    expect(page.locator(".card", has_text="infra/stacks/tasks")).to_contain_text(stack.url)
    expect(page.locator(".snippet code", has_text="curl").first).to_be_visible()
    page.get_by_text("Packages: what is made of what").click()
    expect(page.get_by_role("region", name="Packages")).to_contain_text("service/tasks")
    expect(page.locator(".tile").first.locator("strong")).not_to_have_text("0")
    expect(page.get_by_role("region", name="Functions")).to_contain_text("tasks-api")


def test_a_request_comes_in_live_and_opens_with_its_waterfall(console: Shown, stack: StackUnderTest) -> None:
    page = console.to("requests")
    marker = f"live-{time.time_ns()}"
    page.get_by_label("Filter").fill(marker)
    expect(page.locator(".vbody .vrow")).to_have_count(0)
    assert stack.api.get(f"/nothing/{marker}").status == 404
    row = page.locator(".vbody .vrow")
    expect(row).to_have_count(1)
    page.get_by_label("Filter").fill("POST /tasks")
    page.locator(".vbody .vrow", has_text="POST /tasks").last.click()
    steps = page.get_by_role("list", name="Steps")
    expect(steps.get_by_role("button", name="API POST /tasks")).to_be_visible()
    expect(steps.get_by_role("button", name="Function tasks-api")).to_be_visible()
    steps.get_by_role("button", name="AWS call dynamodb PutItem").click()
    expect(page.locator(".facts-box")).to_contain_text("PutItem")
    page.get_by_role("tab", name="Event and answer").click()
    expect(page.get_by_label("Event", exact=True)).to_contain_text('"routeKey": "POST /tasks"')
    expect(page.get_by_label("Request body")).to_contain_text("onerror")  # as text
    page.get_by_role("tab", name="Logs").click()
    expect(page.locator(".logs li").first).to_be_visible()
    assert page.title() == "Requests · Staticfire"


def test_a_request_is_edited_and_sent_again(console: Shown) -> None:
    page = console.to("requests")
    page.get_by_label("Filter").fill("POST /tasks")
    page.locator(".vbody .vrow", has_text="POST /tasks").last.click()
    page.get_by_role("tab", name="Send again").click()
    page.get_by_label("Body", exact=True).fill('{"title": "Sent again"}')
    page.get_by_role("button", name="Send", exact=True).click()
    expect(page.get_by_label("The answer")).to_contain_text("Sent again")
    page.get_by_role("link", name="Its trace").click()
    expect(page.locator(".detail h2")).to_have_text("POST /tasks")
    page.get_by_role("tab", name="Event and answer").click()
    expect(page.get_by_label("Request body")).to_contain_text("Sent again")


def test_a_request_becomes_a_line_of_curl_and_a_test(console: Shown, stack: StackUnderTest) -> None:
    page = console.to("overview")
    texts = page.evaluate(
        """async () => {
            const { asCurl, asPytest, requestOf } = await import("./again.js");
            const headers = [["host", "x"], ["content-type", "application/json"]];
            const sent = { method: "POST", path: "/it's", query: "a=1&b=2", headers };
            sent.body = "{\\"name\\": \\"d'été\\"}";
            const facts = { api_type: "http", api_id: "abc", stage: "v 1", ...sent };
            const request = requestOf({ waterfall: [{ kind: "api", status: 201, facts }] });
            return [asCurl(request), asPytest(request, { id: "1-2-3" })];
        }"""
    )
    curl, test = texts
    endpoint = stack.endpoint
    assert curl == (
        f"curl -sS --globoff -X POST '{endpoint}/_aws/execute-api/abc/v%201/it'\\''s?a=1&b=2' "
        "-H 'content-type: application/json' --data-raw '{\"name\": \"d'\\''été\"}'"
    )
    written: dict[str, Any] = {}
    exec(
        compile(
            test.replace("from staticfire.testing.kit import ApiClient", "").replace(": ApiClient", ""), "t", "exec"
        ),
        written,
    )
    calls: list[tuple[Any, ...]] = []

    class Api:
        def request(self, *arguments: Any, **options: Any) -> Any:
            calls.append((*arguments, options["body"]))
            return type("Answer", (), {"status": 201})

    written["test_post_it_s_answers_201"](Api())
    assert calls == [("POST", "/it's?a=1&b=2", '{"name": "d\'été"}'.encode())]


def test_what_the_buttons_copy_works_when_it_is_pasted(console: Shown, stack: StackUnderTest, tmp_path: Path) -> None:
    console.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    title = f"d'été {time.time_ns()}"
    assert stack.api.post("/tasks", json={"title": title}).status == 201
    page = console.to("requests")
    page.get_by_label("Filter").fill("POST /tasks")
    page.locator(".vbody .vrow", has_text="POST /tasks").first.click()
    page.get_by_role("tab", name="Event and answer").click()
    expect(page.get_by_label("Request body")).to_contain_text(title)

    def copied(name: str) -> str:
        page.get_by_role("button", name=name).click()
        expect(page.get_by_text(re.compile("^Copied"))).to_be_visible()
        return str(page.evaluate("navigator.clipboard.readText()"))

    run = subprocess.run(["bash", "-c", copied("Copy as curl")], capture_output=True, text=True, timeout=60, check=True)
    assert json.loads(run.stdout)["title"] == title
    (tmp_path / "test_copied.py").write_text(copied("Copy as a pytest test"))
    written = runpy.run_path(str(tmp_path / "test_copied.py"))
    (test,) = (value for name, value in written.items() if name.startswith("test_"))
    test(stack.api)
    listed = stack.api.get("/tasks?status=open").json()
    assert [task["title"] for task in listed["tasks"]].count(title) == 3


def test_a_frame_of_a_stack_trace_shows_the_line_of_its_source(console: Shown) -> None:
    page = console.to("overview")
    page.evaluate(
        """async () => {
            const { frame } = await import("./trace.js");
            document.querySelector("main").append(frame('  File "/var/task/tasks/api.py", line 1, in handler'));
        }"""
    )
    expect(page.locator(".source")).to_contain_text("service/tasks/api.py:1")
    expect(page.locator(".source .hit")).to_contain_text('"""')


def test_the_list_of_requests_is_walked_by_keys(console: Shown) -> None:
    page = console.to("requests")
    expect(page.locator(".vbody .vrow").first).to_be_visible()
    page.get_by_role("grid", name="Requests").focus()
    page.keyboard.press("End")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowDown")
    expect(page.locator(".vbody .vrow.current")).to_have_attribute("aria-rowindex", "3")
    page.keyboard.press("Enter")
    expect(page.locator(".detail h2")).to_be_visible()
    page.get_by_role("button", name="Close the request").click()
    expect(page.locator(".detail")).to_be_hidden()


def test_a_hundred_thousand_requests_are_rows_in_sight_alone(console: Shown) -> None:
    """The edge keeps fewer: here the API answers as one that kept so many would."""

    def answer(route: Route) -> None:
        before = int(dict(part.split("=") for part in route.request.url.partition("?")[2].split("&")).get("before", 0))
        first = (before or 100_001) - 1
        rows = [
            {
                **{"number": number, "id": f"t-{number}", "name": f"GET /{number}", "start": 1.0, "milliseconds": 1.0},
                **{"status": 200, "outcome": "ok", "error": None, "cold": False, "source": "api", "calls": 0},
            }
            for number in range(first, max(0, first - 1000), -1)
        ]
        route.fulfill(json={"traces": rows})

    console.page.route("**/api/traces?*", answer)
    console.page.route("**/api/live", lambda route: route.abort())
    page = console.to("requests")
    grid = page.get_by_role("grid", name="Requests")
    grid.focus()
    for rows in (1000, 2000, 3000):
        expect(page.get_by_role("status").filter(has_text="requests")).to_contain_text(f"{rows:,}")
        page.keyboard.press("End")
    page.evaluate(
        """async () => {
            const grid = document.querySelector(".vtable");
            while (!document.querySelector("#row-t-1")) {
                grid.scrollTop = grid.scrollHeight;
                await new Promise((then) => setTimeout(then, 4));
            }
        }"""
    )
    assert page.locator(".vbody .vrow").count() < 100
    expect(page.get_by_role("status").filter(has_text="requests")).to_have_text("100,000 requests")
    console.said.clear()  # the stream that is cut off here is told of


def test_a_function_is_described_and_invoked(console: Shown) -> None:
    page = console.to("functions")
    page.get_by_role("link", name="tasks-api").click()
    expect(page.locator("h1")).to_have_text("tasks-api")
    page.get_by_label("Begin with").select_option("API Gateway HTTP API (2.0)")
    event = json.loads(page.get_by_label("Event", exact=True).input_value())
    event["routeKey"], event["rawPath"] = "GET /tasks", "/tasks"
    event["requestContext"]["http"] |= {"method": "GET", "path": "/tasks"}
    page.get_by_label("Event", exact=True).fill(json.dumps(event))
    page.get_by_role("button", name="Invoke", exact=True).click()
    expect(page.get_by_label("Answer", exact=True)).to_contain_text("statusCode")
    expect(page.get_by_label("Log", exact=True)).to_contain_text("platform.report")
    page.get_by_role("tab", name="Execution environments").click()
    expect(page.get_by_role("region", name="Execution environments")).to_contain_text("idle")
    page.get_by_role("tab", name="Configuration").click()
    expect(page.get_by_role("tabpanel")).to_contain_text("TABLE_NAME")
    page.get_by_role("tab", name="Versions").click()
    expect(page.get_by_role("region", name="Versions")).to_contain_text("$LATEST")
    page.get_by_role("tab", name="Metrics").click()
    expect(page.locator("svg.plot")).to_have_count(4)


def test_every_sample_event_is_an_event(console: Shown) -> None:
    names = console.to("overview").evaluate("async () => Object.keys((await import('./events.js')).EVENTS)")
    for service in (
        "API Gateway HTTP",
        "API Gateway REST",
        "SQS",
        "SNS",
        "S3",
        "DynamoDB",
        "EventBridge",
        "Scheduler",
        "Kinesis",
    ):
        assert any(service in name for name in names), service


def test_an_item_is_found_edited_and_deleted(console: Shown, stack: StackUnderTest) -> None:
    table = stack.outputs["table_name"]
    stack.aws("dynamodb").put_item(TableName=table, Item={"id": {"S": "console-1"}, "title": {"S": EVIL}})
    page = console.to("data/DynamoDB")
    page.get_by_role("button", name=table, exact=True).click()
    page.get_by_label("id (S)").fill("console-1")
    page.get_by_role("button", name="Find").click()
    items = page.get_by_role("region", name="Items")
    expect(items).to_contain_text(EVIL)
    items.get_by_role("button", name="console-1").click()
    page.get_by_label("As DynamoDB's API has it").fill('{"id": {"S": "console-1"}, "title": {"S": "edited"}}')
    page.get_by_role("button", name="Save").click()
    expect(items).to_contain_text("edited")
    items.get_by_role("button", name="console-1").click()
    page.get_by_role("button", name="Delete the item").click()
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("0 items", exact=True)).to_be_visible()
    assert "Item" not in stack.aws("dynamodb").get_item(TableName=table, Key={"id": {"S": "console-1"}})
    assert page.title() != "taken"


def test_sql_reads_and_writes_only_once_it_is_unlocked(console: Shown) -> None:
    page = console.to("data/Postgres")
    page.get_by_label("Database").select_option("postgres")
    sql, run = page.get_by_label("SQL"), page.get_by_role("button", name="Run")
    sql.fill("SELECT 6 * 7 AS answer, NULL AS nothing")
    run.click()
    expect(page.get_by_role("region", name="Rows")).to_contain_text("42")
    for refused in (
        "CREATE TABLE console_try (id int)",
        "SELECT 1; SELECT 2",
        "SELECT set_config('a.b', 'c', false); COMMIT",
    ):
        sql.fill(refused)
        run.click()
        expect(page.locator(".problem")).to_contain_text("42601")
        sql.fill("SELECT 1")
        run.click()
        expect(page.get_by_role("region", name="Rows")).to_be_visible()
    sql.fill("SELECT pg_sleep(60)")
    run.click()
    expect(page.locator(".problem")).to_contain_text("statement timeout", timeout=60_000)
    page.get_by_label("Unlock: it may write").check()
    for statement in ("CREATE TABLE console_try (id int)", "DROP TABLE console_try"):
        sql.fill(statement)
        run.click()
        expect(page.get_by_text("it answered no rows")).to_be_visible()
        sql.fill("SELECT 1")
        run.click()
        expect(page.get_by_role("region", name="Rows")).to_be_visible()


def test_objects_queues_secrets_mail_and_alarms_are_shown(console: Shown, stack: StackUnderTest) -> None:
    page = console.to("data/S3")
    page.get_by_role("button", name=f"console-{stack.account}").click()
    page.get_by_role("button", name="notes/hello.json").click()
    expect(page.get_by_label("Content")).to_contain_text("there")
    page.get_by_role("button", name="Close").click()
    page.get_by_role("tab", name="Queues").click()
    page.get_by_role("button", name="console-orders").click()
    messages = page.get_by_role("region", name="Messages")
    expect(messages).to_contain_text(EVIL)
    expect(messages).to_contain_text("0 times")
    page.get_by_role("button", name="Send a message").click()
    page.get_by_label("Body").fill("from the console")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(messages).to_contain_text("from the console")
    page.get_by_role("tab", name="Secrets").click()
    secret = page.get_by_role("region", name="Secrets").locator("tr", has_text="console/key")
    expect(secret).not_to_contain_text("s3cr3t-value")
    secret.get_by_role("button", name="Show").click()
    expect(secret).to_contain_text("s3cr3t-value")
    page.get_by_role("tab", name="Event buses").click()
    page.get_by_role("button", name="Put", exact=True).click()
    expect(page.get_by_text("Put:")).to_be_visible()
    page.get_by_role("tab", name="Mail").click()
    expect(page.get_by_role("button", name="Empty the mailbox")).to_be_visible()
    page.get_by_role("tab", name="Alarms").click()
    alarms = page.get_by_role("region", name="Alarms")
    alarms.get_by_role("button", name=re.compile("LambdaErrorAlarm", re.IGNORECASE)).first.click()
    expect(page.get_by_role("dialog")).to_contain_text("History of")


def test_a_mail_an_event_that_a_bus_delivered_and_an_alarms_history(console: Shown, stack: StackUnderTest) -> None:
    sns, events, sqs, cloudwatch = (stack.aws(name) for name in ("sns", "events", "sqs", "cloudwatch"))
    marker = f"news-{time.time_ns()}"
    topic = sns.create_topic(Name="console-news")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="email", Endpoint="ann@example.com")
    sns.publish(TopicArn=topic, Subject=f"About {marker}", Message=f"{EVIL} {marker}")
    queue = sqs.create_queue(QueueName="console-delivered")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    events.create_event_bus(Name="console-bus")
    events.put_rule(Name="console-rule", EventBusName="console-bus", EventPattern='{"source": ["console.try"]}')
    events.put_targets(Rule="console-rule", EventBusName="console-bus", Targets=[{"Id": "queue", "Arn": arn}])
    rule = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 7.0, "EvaluationPeriods": 1, "Period": 60}
    metric = {"Namespace": "Console", "MetricName": "Told", "Statistic": "Sum", "TreatMissingData": "ignore"}
    cloudwatch.put_metric_alarm(AlarmName="console-told", **metric, **rule)
    for state in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName="console-told", StateValue=state, StateReason="a test")
    try:
        page = console.to("data/Mail")
        letter = page.locator(".letter", has_text=f"About {marker}")
        expect(letter).to_contain_text("to ann@example.com")
        expect(letter.locator("summary")).to_contain_text(re.compile(r"\d\d:\d\d"))
        letter.locator("summary").click()
        expect(letter.get_by_label("Mail", exact=True)).to_contain_text(f"{EVIL} {marker}")
        page.get_by_role("tab", name="Event buses").click()
        page.get_by_role("button", name="console-bus").click()
        expect(page.get_by_role("region", name="Rules")).to_contain_text("console.try")
        page.get_by_label("Detail", exact=True).fill(json.dumps({"marker": marker}))
        page.get_by_role("button", name="Put", exact=True).click()
        expect(page.get_by_text("Put:")).to_be_visible()
        page.get_by_role("tab", name="Queues").click()
        page.get_by_role("button", name="console-delivered").click()
        page.get_by_role("region", name="Messages").get_by_role("button").click()
        delivered = page.get_by_role("dialog")
        expect(delivered).to_contain_text(marker)
        expect(delivered).to_contain_text("Tried")
        delivered.get_by_role("button", name="Close").click()
        page.get_by_role("tab", name="Alarms").click()
        page.get_by_role("region", name="Alarms").get_by_role("button", name="console-told").click()
        history = page.get_by_role("region", name="History")
        for change in ("from INSUFFICIENT_DATA to ALARM", "from ALARM to OK"):
            expect(history).to_contain_text(change)
        assert page.title() != "taken"
    finally:
        cloudwatch.delete_alarms(AlarmNames=["console-told"])
        events.remove_targets(Rule="console-rule", EventBusName="console-bus", Ids=["queue"])
        events.delete_rule(Name="console-rule", EventBusName="console-bus")
        events.delete_event_bus(Name="console-bus")
        sqs.delete_queue(QueueUrl=queue)
        sns.delete_topic(TopicArn=topic)


def test_the_stacks_dashboard_is_drawn_from_its_metrics(console: Shown) -> None:
    page = console.to("dashboards")
    expect(page.locator(".widget")).to_have_count(4)
    first = page.locator(".widget", has_text="Invocations and errors")
    expect(first.locator("path.line").first).to_have_attribute("d", re.compile("^M"), timeout=90_000)
    expect(page.locator(".widget", has_text="Duration")).to_contain_text("p99")


def test_a_log_widget_runs_its_query(console: Shown, stack: StackUnderTest) -> None:
    logs, cloudwatch = stack.aws("logs"), stack.aws("cloudwatch")
    group = "/console/lines"
    logs.create_log_group(logGroupName=group)
    logs.create_log_stream(logGroupName=group, logStreamName="s")
    now = int(time.time() * 1000)
    events = [{"timestamp": now + place, "message": json.dumps({"level": level})} for place, level in enumerate("ABBA")]
    logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    query = f"SOURCE '{group}' | filter level = 'B' | stats count(*) as lines by level"
    widgets = [
        {"type": "log", "width": 12, "height": 6, "properties": {"title": title, "query": text, "region": stack.region}}
        for title, text in (("By level", query), ("Wrong", f"SOURCE '{group}' | nonsense"))
    ]
    cloudwatch.put_dashboard(DashboardName="logs", DashboardBody=json.dumps({"widgets": widgets}))
    try:
        page = console.to("dashboards/logs")
        rows = page.get_by_role("region", name="By level").locator("tbody tr")
        expect(rows).to_have_count(1)
        expect(rows.first).to_contain_text("2")
        expect(page.locator(".widget", has_text="Wrong").locator(".problem")).to_contain_text("MalformedQuery")
    finally:
        cloudwatch.delete_dashboards(DashboardNames=["logs"])
        logs.delete_log_group(logGroupName=group)


def test_a_dashboard_shows_the_states_of_its_alarms(console: Shown, stack: StackUnderTest) -> None:
    cloudwatch = stack.aws("cloudwatch")
    metric = {"Namespace": "Console", "MetricName": "Queued"}
    rule = {"ComparisonOperator": "GreaterThanThreshold", "Threshold": 7.0, "EvaluationPeriods": 1, "Period": 60}
    rule["TreatMissingData"] = "ignore"  # what it was set to stays
    cloudwatch.put_metric_alarm(AlarmName="console-queued", Statistic="Sum", **metric, **rule)
    cloudwatch.put_composite_alarm(AlarmName="console-all", AlarmRule='ALARM("console-queued")')
    cloudwatch.set_alarm_state(AlarmName="console-queued", StateValue="ALARM", StateReason="a test")
    prefix = f"arn:aws:cloudwatch:{stack.region}:{stack.account}:alarm"
    of_one = {"alarms": [f"{prefix}:console-queued"]}
    kinds: dict[str, dict[str, object]] = {
        "Beside metrics": {"metrics": [["Console", "Queued"]], "annotations": of_one},
        "Of an alarm": {"annotations": of_one},
        "All": {"alarms": [f"{prefix}:{name}" for name in ("console-queued", "console-all", "console-gone")]},
    }
    widgets = [
        {
            "type": "alarm" if "alarms" in one else "metric",
            "properties": {"title": title, "region": stack.region, **one},
        }
        for title, one in kinds.items()
    ]
    cloudwatch.put_dashboard(DashboardName="alarms", DashboardBody=json.dumps({"widgets": widgets}))
    try:
        page = console.to("dashboards/alarms")
        for title in ("Beside metrics", "Of an alarm"):
            widget = page.locator(".widget", has_text=title)
            expect(widget.locator(".alarms li")).to_contain_text(["alarmconsole-queued"])
            expect(widget.locator("svg").first).to_contain_text("console-queued")
        listed = page.locator(".widget", has_text="All").locator(".alarms li")
        expect(listed).to_contain_text(["console-queued", "console-all", "goneconsole-gone"])
    finally:
        cloudwatch.delete_dashboards(DashboardNames=["alarms"])
        for name in ("console-all", "console-queued"):  # an alarm that another one names stays
            cloudwatch.delete_alarms(AlarmNames=[name])


def test_a_dashboards_metrics_are_read_as_cloudwatch_does(console: Shown) -> None:
    queries = console.to("overview").evaluate(
        """async () => (await import("./dashboards.js")).queriesOf({ stat: "Sum", metrics: [
            ["AWS/Lambda", "Errors", "FunctionName", "a", { label: "E" }],
            [".", "Invocations", ".", "."],
            ["...", "b", { stat: "p99", id: "b" }],
            [{ expression: "b * 2", id: "twice" }],
        ] }, 60).map((one) => one.query)"""
    )
    metrics = [query["MetricStat"] for query in queries[:3]]
    assert [metric["Metric"]["MetricName"] for metric in metrics] == ["Errors", "Invocations", "Invocations"]
    assert [metric["Metric"]["Dimensions"][0]["Value"] for metric in metrics] == ["a", "a", "b"]
    assert [metric["Stat"] for metric in metrics] == ["Sum", "Sum", "p99"]
    assert queries[3]["Expression"] == "b * 2"


def test_a_fault_is_set_strikes_and_is_cleared(console: Shown, stack: StackUnderTest) -> None:
    page = console.to("faults")
    page.get_by_label("Service").fill("dynamodb")
    page.get_by_label("Operation").fill("DescribeLimits")
    page.get_by_label("Error code").fill("ThrottlingException")
    page.get_by_role("button", name="Set the fault").click()
    listed = page.get_by_role("region", name="Faults")
    expect(listed).to_contain_text("dynamodb:DescribeLimits")
    client = stack.aws("dynamodb")
    with pytest.raises(client.exceptions.ClientError):
        client.describe_limits()
    expect(listed.locator("td.figure").nth(1)).not_to_have_text("0")
    listed.get_by_role("button", name="Clear").click()
    expect(page.get_by_text("No faults yet.")).to_be_visible()


def test_load_runs_are_listed_compared_and_watched(console: Shown) -> None:
    page = console.to("load")
    runs = page.get_by_role("region", name="Runs")
    expect(runs.locator("tbody tr")).to_have_count(3)
    runs.get_by_label("Compare 2026-01-01T10-00-00").check()
    runs.get_by_label("Compare 2026-01-02T10-00-00").check()
    page.get_by_role("button", name="Compare two").click()
    expect(page.get_by_role("region", name="Measures")).to_contain_text("requests/s")
    page.get_by_role("link", name="All runs").click()
    page.get_by_role("link", name="2026-01-03T10-00-00").click()
    expect(page.locator(".chip", has_text="under way")).to_be_visible()
    expect(page.locator("svg.plot")).to_have_count(2)
    page.goto("about:blank")
    page.goto(f"{console.address}api/loads/2026-01-01T10-00-00/report.html")
    expect(page.get_by_text("The report")).to_be_visible()


@pytest.mark.parametrize(("scheme", "width"), [("light", WIDE), ("dark", NARROW)])
def test_every_page_can_be_read_by_everybody(scheme: Scheme, width: int, shown: Callable[..., Shown]) -> None:
    """Contrast, labels, roles: axe-core's rules of WCAG 2.1 A and AA; and it fits the window, down to 360 pixels."""
    axe = Axe()
    console = shown(width, scheme)
    for name in PAGES:
        page = console.to(name)
        if name == "requests":
            page.locator(".vbody .vrow").first.click()
            expect(page.get_by_role("list", name="Steps")).to_be_visible()
        expect(page.get_by_text("Loading…")).to_have_count(0)
        violations = axe.run(page, options=RULES)["violations"]
        assert [(one["id"], [node["html"] for node in one["nodes"]][:3]) for one in violations] == [], name
        for narrower in (width, 360):
            page.set_viewport_size({"width": narrower, "height": 860})
            assert page.evaluate("document.documentElement.scrollWidth") <= narrower, name
        page.set_viewport_size({"width": width, "height": 860})


def test_on_a_narrow_screen_the_page_that_is_shown_is_seen_among_the_pages(shown: Callable[..., Shown]) -> None:
    narrow = shown(NARROW)
    for name in ("load", "overview"):
        expect(narrow.to(name).locator("nav a[aria-current]")).to_be_in_viewport(ratio=0.9)


def test_light_and_dark_are_chosen_by_hand_too(shown: Callable[..., Shown]) -> None:
    page = shown(WIDE, "dark").to("overview")
    background = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(background)
    page.get_by_role("button", name="Light or dark").click()
    assert page.evaluate(background) != dark
    page.reload()
    expect(page.locator("h1")).to_be_visible()
    assert page.evaluate(background) != dark


def test_pictures_can_be_taken(shown: Callable[..., Shown], tmp_path: Path) -> None:
    directory = Path(os.environ.get(VARIABLE) or tmp_path)
    directory.mkdir(exist_ok=True)
    wide, narrow = shown(WIDE), shown(NARROW, "dark")
    for name in ("overview", "requests", "dashboards"):
        page = wide.to(name)
        if name == "requests":
            page.get_by_label("Filter").fill("POST /tasks")
            page.locator(".vbody .vrow", has_text="POST /tasks").last.click()
            expect(page.get_by_role("list", name="Steps")).to_be_visible()
        expect(page.get_by_text("Loading…")).to_have_count(0)
        expect(page.locator(".status")).to_contain_text("running")
        page.screenshot(path=directory / f"{name}.png")
    page = narrow.to("overview")
    expect(page.locator(".status")).to_contain_text("running")
    page.screenshot(path=directory / "overview-narrow-dark.png")
    assert (directory / "overview.png").read_bytes().startswith(b"\x89PNG")


def test_the_trace_of_a_usage_has_its_cold_start_and_its_calls(
    console: Shown, staticfire_stacks: Callable[[str], StackUnderTest]
) -> None:
    """It is the last: the others see the one stack alone."""
    usage = staticfire_stacks("usage")
    # By its key, one call marks that the request was taken, and one adds to the user's aggregate.
    key = {"idempotency-key": f"console-{time.time_ns()}"}
    answer = usage.api.post("/usage", json={"user": "ann", "usage": 150}, headers=key)
    assert answer.status == 201
    page = console.to("requests")
    page.get_by_label("Filter").fill(answer.headers["apigw-requestid"])
    page.locator(".vbody .vrow", has_text="POST /usage").click()
    steps = page.get_by_role("list", name="Steps")
    expect(steps.get_by_role("button", name="API POST /usage")).to_contain_text("POST /usage")
    expect(steps.get_by_role("button", name="Function usage-api")).to_contain_text("cold")
    expect(steps.get_by_role("button", name="Initialisation usage-api init")).to_be_visible()
    calls = steps.get_by_role("button", name=re.compile("^AWS call dynamodb "))
    expect(calls).to_have_count(2)
    calls.filter(has_text="UpdateItem").click()
    expect(page.locator(".facts-box")).to_contain_text("UpdateItem")
    expect(page.locator(".facts-box")).to_contain_text(usage.outputs["table_name"])
