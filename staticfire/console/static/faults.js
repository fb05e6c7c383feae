// Faults: have AWS API calls fail, hang or come late; see what they struck; clear them.

import { get, post, remove } from "./api.js";
import { button, card, field, h, heading, problem, select, show, table, toast } from "./dom.js";
import { number } from "./format.js";

const KINDS = [["error", "error: AWS's error comes back"], ["delay", "delay: the answer comes late"], ["hang", "hang: no answer until it is cleared"], ["drop", "drop: the connection closes"], ["reset", "reset: the connection is reset"]];
const AGAIN_MS = 1500;

export function faultsPage({ box, signal }) {
  const list = h("div", { "aria-live": "polite" });
  let last = "";
  const load = async () => {
    try {
      const { faults } = await get("faults", {}, signal);
      const now = JSON.stringify(faults);
      if (now !== last) show(list, listed(faults));
      last = now;
    } catch (error) {
      if (error.name !== "AbortError") show(list, problem(error));
    }
  };
  const listed = (faults) => [
    table(
      "Faults",
      [
        ["Fault", (one) => one.words],
        ["Calls that it matched", (one) => number(one.calls), "figure"],
        ["Struck", (one) => number(one.hits), "figure"],
        ["", (one) => button("Clear", () => remove(`faults/${encodeURIComponent(one.id)}`).then(load), "small")],
      ],
      faults,
    ),
    faults.length > 1 ? button("Clear all", () => remove("faults/all").then(load), "danger") : null,
  ];
  const inputs = {
    kind: select(KINDS, "error"),
    service: h("input", { type: "text", placeholder: "every service", list: "services" }),
    operation: h("input", { type: "text", placeholder: "every operation, as PutItem" }),
    code: h("input", { type: "text", placeholder: "InternalFailure" }),
    share: h("input", { type: "number", min: "0.000001", max: "1", step: "any", placeholder: "1" }),
    times: h("input", { type: "number", min: "1", step: "1", placeholder: "without end" }),
    seconds: h("input", { type: "number", min: "0", max: "900", step: "any", placeholder: "0" }),
    when: select([["before", "before it is carried out"], ["after", "after it: done, but the answer is lost"]], "before"),
  };
  const trouble = h("div", { "aria-live": "polite" });
  const add = async (event) => {
    event.preventDefault();
    const fault = {};
    for (const [name, input] of Object.entries(inputs)) {
      if (input.value !== "") fault[name] = input.type === "number" ? Number(input.value) : input.value;
    }
    try {
      await post("faults", fault);
      show(trouble);
      toast("Set");
      load();
    } catch (error) {
      show(trouble, problem(error));
    }
  };
  show(
    box,
    heading("Faults", "What a real outage does to the calls that your functions make."),
    card("Set a fault", h("form", { onsubmit: add }, h("datalist", { id: "services" }, ["dynamodb", "s3", "sqs", "sns", "events", "secretsmanager", "kinesis", "lambda", "ssm"].map((name) => h("option", { value: name }))), h("div", { class: "row" }, field("What", inputs.kind), field("Service", inputs.service), field("Operation", inputs.operation), field("Error code", inputs.code), field("Share of the calls", inputs.share), field("At most (times)", inputs.times), field("Late (seconds)", inputs.seconds), field("When", inputs.when)), trouble, h("div", { class: "actions" }, h("button", { class: "primary" }, "Set the fault")))),
    card("Faults that are set", list),
  );
  load();
  const timer = setInterval(() => document.hidden || load(), AGAIN_MS);
  signal.addEventListener("abort", () => clearInterval(timer));
}
