// Data: what the stacks hold, store by store.

import { all, aws, get, post, remove, stack } from "./api.js";
import { button, card, chip, confirmed, copyButton, field, form, h, heading, later, problem, select, show, table, tabs, toast } from "./dom.js";
import { bytes, moment, number, plural, pretty } from "./format.js";

export function dataPage({ box, rest }) {
  const list = [
    ["DynamoDB", dynamodb],
    ["Postgres", postgres],
    ["S3", s3],
    ["Queues", queues],
    ["Secrets", secrets],
    ["Mail", mail],
    ["Event buses", buses],
    ["Alarms", alarms],
  ];
  show(box, heading("Data", "What the stacks hold. Changes here are real: they are calls of AWS's API and SQL."), tabs("Stores", list, rest[0], (name) => history.replaceState(null, "", `#/data/${encodeURIComponent(name)}`)));
}

/** A list to choose from, and what is chosen beside it. */
function chooser(label, promise, name, open, empty) {
  return later(promise, (entries) => {
    if (!entries.length) return h("p", { class: "empty" }, empty);
    const panel = h("div", { class: "chosen" });
    const buttons = entries.map((entry) =>
      h(
        "button",
        {
          type: "button",
          onclick: () => {
            buttons.forEach((one) => one.removeAttribute("aria-current"));
            buttons[entries.indexOf(entry)].setAttribute("aria-current", "true");
            show(panel, open(entry));
          },
        },
        name(entry),
      ),
    );
    queueMicrotask(() => buttons[0].click());
    return h("div", { class: "chooser" }, h("div", { class: "choices", role: "group", "aria-label": label }, buttons), panel);
  });
}

// -- DynamoDB

const plain = (value) => {
  const [kind, of] = Object.entries(value)[0];
  if (kind === "M") return Object.fromEntries(Object.entries(of).map(([name, one]) => [name, plain(one)]));
  if (kind === "L") return of.map(plain);
  if (kind === "N") return Number.isSafeInteger(Number(of)) || String(Number(of)) === of ? Number(of) : of;
  return kind === "NULL" ? null : of;
};

function cell(value) {
  if (value === undefined) return h("span", { class: "muted" }, "–");
  const shown = plain(value);
  const text = typeof shown === "object" ? JSON.stringify(shown) : String(shown);
  return h("span", { class: text.length > 36 ? "value" : "value short", title: text }, text.length > 90 ? `${text.slice(0, 90)}…` : text);
}

function dynamodb() {
  return chooser("Tables", all("dynamodb", "ListTables", "TableNames", {}, 500, ["LastEvaluatedTableName", "ExclusiveStartTableName"]), (name) => name, (name) => later(aws("dynamodb", "DescribeTable", { TableName: name }), ({ Table }) => items(Table)), "No table in this account.");
}

function items(of) {
  const keysOf = (schema) => schema.map((key) => key.AttributeName);
  const kinds = Object.fromEntries(of.AttributeDefinitions.map((one) => [one.AttributeName, one.AttributeType]));
  const indexes = { "": of.KeySchema, ...Object.fromEntries([...(of.GlobalSecondaryIndexes ?? []), ...(of.LocalSecondaryIndexes ?? [])].map((one) => [one.IndexName, one.KeySchema])) };
  const keys = keysOf(of.KeySchema);
  const result = h("div");
  const index = select(Object.keys(indexes).map((name) => [name, name || "the table"]), "", () => fields());
  const places = h("div", { class: "row" });
  let hash, range;
  const fields = () => {
    const [first, second] = keysOf(indexes[index.value]);
    hash = h("input", { type: "text", placeholder: "empty: every item" });
    range = second ? h("input", { type: "text", placeholder: "any" }) : null;
    show(places, field(`${first} (${kinds[first]})`, hash), range && field(`${second} begins with`, range));
  };
  fields();
  let turn = 0;
  const load = async (start, before = []) => {
    const asked = (turn += 1);
    const [first, second] = keysOf(indexes[index.value]);
    const common = { TableName: of.TableName, Limit: 100, ...(index.value ? { IndexName: index.value } : {}), ...(start ? { ExclusiveStartKey: start } : {}) };
    try {
      let answer;
      if (hash.value) {
        const names = { "#h": first };
        const values = { ":h": { [kinds[first]]: hash.value } };
        let condition = "#h = :h";
        if (range?.value) {
          names["#r"] = second;
          values[":r"] = { [kinds[second]]: range.value };
          condition += kinds[second] === "S" ? " AND begins_with(#r, :r)" : " AND #r = :r";
        }
        answer = await aws("dynamodb", "Query", { ...common, KeyConditionExpression: condition, ExpressionAttributeNames: names, ExpressionAttributeValues: values });
      } else answer = await aws("dynamodb", "Scan", common);
      if (asked !== turn) return;
      const list = [...before, ...answer.Items];
      show(result, listed(list), answer.LastEvaluatedKey ? button("More", () => load(answer.LastEvaluatedKey, list)) : null);
    } catch (error) {
      if (asked === turn) show(result, problem(error));
    }
  };
  const listed = (list) => {
    const others = [...new Set(list.flatMap((item) => Object.keys(item)))].filter((name) => !keys.includes(name)).sort();
    const columns = [...keys, ...others.slice(0, 8)];
    return [
      h("p", { class: "muted" }, plural(list.length, "item")),
      table("Items", columns.map((name) => [name, (item) => cell(item[name])]), list, edit),
    ];
  };
  const edit = (item) => {
    const text = h("textarea", { rows: 16, spellcheck: "false", value: JSON.stringify(item ?? Object.fromEntries(keys.map((key) => [key, { [kinds[key]]: "" }])), null, 2) });
    const key = item && Object.fromEntries(keys.map((name) => [name, item[name]]));
    form(item ? "The item" : "A new item", [
      field("As DynamoDB's API has it", text, 'Types stand before values: {"S": "text"}, {"N": "1"}, {"BOOL": true}.'),
      item &&
        button(
          "Delete the item",
          () => confirmed("Delete this item?", () => aws("dynamodb", "DeleteItem", { TableName: of.TableName, Key: key }).then(() => {
            toast("Deleted");
            document.querySelector("dialog[open]")?.close();
            load();
          }, (error) => toast(error.message, true))),
          "danger",
        ),
    ], async () => {
      await aws("dynamodb", "PutItem", { TableName: of.TableName, Item: JSON.parse(text.value) });
      toast("Saved");
      load();
    });
  };
  load();
  return [
    h("p", { class: "muted" }, `Key: ${keys.join(", ")} · ${plural(of.ItemCount ?? 0, "item")} · ${of.StreamSpecification?.StreamEnabled ? "with a stream" : "no stream"}`),
    h("div", { class: "bar" }, field("Look in", index), places, button("Find", () => load(), "primary"), button("New item", () => edit(null))),
    result,
  ];
}

// -- Postgres

function postgres() {
  return later(get("postgres"), ({ databases }) => {
    const names = databases.map((one) => one.name);
    const own = Object.keys(stack.overview.postgres?.databases ?? {}).map((name) => stack.overview.postgres.databases[name].split("/").pop());
    const first = names.find((name) => own.includes(name)) ?? names.find((name) => name !== "postgres") ?? names[0];
    const sql = h("textarea", { rows: 5, spellcheck: "false", class: "mono", value: "SELECT now()", onkeydown: (event) => (event.ctrlKey || event.metaKey) && event.key === "Enter" && run() });
    const result = h("div", { "aria-live": "polite" });
    const list = h("div", { class: "choices", role: "group", "aria-label": "Tables" });
    const unlocked = h("input", { type: "checkbox" });
    const database = select(names, first, () => tables());
    let turn = 0;
    const run = async () => {
      const asked = (turn += 1);
      show(result, h("p", { class: "empty" }, "Running…"));
      try {
        const answer = await post("postgres/query", { database: database.value, sql: sql.value, unlocked: unlocked.checked });
        if (asked !== turn) return;
        show(
          result,
          h("p", { class: "muted" }, `${plural(answer.rows.length, "row")}${answer.more ? " and more, which are not shown" : ""} in ${answer.milliseconds} ms. ${answer.note}`),
          answer.columns.length ? table("Rows", answer.columns.map((name, place) => [name, (row) => (row[place] === null ? h("span", { class: "muted" }, "null") : h("span", { class: "value" }, typeof row[place] === "object" ? JSON.stringify(row[place]) : String(row[place])))]), answer.rows) : h("p", { class: "empty" }, "Done; it answered no rows."),
        );
      } catch (error) {
        if (asked === turn) show(result, problem(error));
      }
    };
    const tables = async () => {
      try {
        const { tables } = await get("postgres", { database: database.value });
        show(
          list,
          tables.length
            ? tables.map((one) =>
                h(
                  "button",
                  {
                    type: "button",
                    title: bytes(one.bytes),
                    onclick: () => {
                      sql.value = `SELECT * FROM ${identifier(one.schema)}.${identifier(one.name)} LIMIT 100`;
                      run();
                    },
                  },
                  one.schema === "public" ? one.name : `${one.schema}.${one.name}`,
                ),
              )
            : h("p", { class: "empty" }, "No table."),
        );
      } catch (error) {
        show(list, problem(error));
      }
    };
    tables();
    return h(
      "div",
      { class: "chooser" },
      h("div", {}, field("Database", database), list),
      h("div", { class: "chosen" }, field("SQL", sql, "Ctrl and Enter runs it. One statement, 5 s at most."), h("div", { class: "bar" }, button("Run", run, "primary"), h("label", { class: "check" }, unlocked, "Unlock: it may write")), result),
    );
  });
}

const identifier = (name) => (/^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`);

// -- S3

function s3() {
  return chooser("Buckets", aws("s3", "ListBuckets").then((answer) => answer.Buckets ?? []), (one) => one.Name, (bucket) => objects(bucket.Name), "No bucket in this account.");
}

function objects(bucket) {
  const result = h("div");
  const prefix = h("input", { type: "text", placeholder: "the beginning of keys" });
  const load = (token, before = []) =>
    aws("s3", "ListObjectsV2", { Bucket: bucket, MaxKeys: 200, ...(prefix.value ? { Prefix: prefix.value } : {}), ...(token ? { ContinuationToken: token } : {}) }).then(
      (answer) => {
        const list = [...before, ...(answer.Contents ?? [])];
        show(result, table("Objects", [["Key", (one) => one.Key], ["Size", (one) => bytes(one.Size), "figure"], ["Modified", (one) => moment(one.LastModified)]], list, open), answer.NextContinuationToken ? button("More", () => load(answer.NextContinuationToken, list)) : null);
      },
      (error) => show(result, problem(error)),
    );
  const open = (object) => {
    form(object.Key, [
      later(object.Size > 4 * 1024 * 1024 ? Promise.resolve(null) : aws("s3", "GetObject", { Bucket: bucket, Key: object.Key }), (answer) =>
        answer
          ? [h("p", { class: "muted" }, `${answer.ContentType ?? "no type"} · ${bytes(answer.ContentLength)}`), typeof answer.Body === "string" ? h("pre", { tabindex: "0", "aria-label": "Content" }, pretty(answer.Body)) : h("p", { class: "empty" }, "It is not text.")]
          : h("p", { class: "empty" }, "It is longer than what is shown here."),
      ),
      button("Delete the object", () => confirmed(`Delete ${object.Key}?`, () => aws("s3", "DeleteObject", { Bucket: bucket, Key: object.Key }).then(() => {
        toast("Deleted");
        document.querySelector("dialog[open]")?.close();
        load();
      }, (error) => toast(error.message, true))), "danger"),
    ], async () => {}, "Close");
  };
  const put = () => {
    const key = h("input", { type: "text", required: true });
    const body = h("textarea", { rows: 8 });
    form("Put an object", [field("Key", key), field("Text", body)], async () => {
      await aws("s3", "PutObject", { Bucket: bucket, Key: key.value, Body: body.value, ContentType: "text/plain" });
      load();
    }, "Put");
  };
  load();
  return [h("div", { class: "bar" }, field("Prefix", prefix), button("Find", () => load(), "primary"), button("Put an object", put)), result];
}

// -- SQS

const last = (url) => url.split("/").pop();

function queues() {
  return chooser("Queues", all("sqs", "ListQueues", "QueueUrls"), last, queue, "No queue in this account.");
}

function queue(url) {
  const result = h("div");
  const load = () => {
    show(
      result,
      later(Promise.all([aws("sqs", "GetQueueAttributes", { QueueUrl: url, AttributeNames: ["All"] }), get("queues/messages", { queue: url, account: stack.account, region: stack.region })]), ([{ Attributes: of }, { messages, more }]) => [
        h("p", { class: "muted" }, `${of.ApproximateNumberOfMessages} visible · ${of.ApproximateNumberOfMessagesNotVisible} in flight · ${of.ApproximateNumberOfMessagesDelayed ?? 0} delayed · invisible for ${of.VisibilityTimeout} s`),
        table(
          "Messages",
          [
            ["Message", (one) => h("code", {}, one.MessageId.slice(0, 8))],
            ["Body", (one) => h("span", { class: "value" }, one.Body.length > 120 ? `${one.Body.slice(0, 120)}…` : one.Body)],
            ["Sent", (one) => moment(one.SentTimestamp)],
            ["Received", (one) => plural(one.ReceiveCount, "time")],
            ["Is", (one) => (one.IsVisible ? chip("visible", "good") : chip("in flight", "warn"))],
          ],
          messages,
          (one) => form("The message", [h("pre", { tabindex: "0", "aria-label": "Body" }, pretty(one.Body)), h("pre", { tabindex: "0", "aria-label": "Attributes" }, JSON.stringify({ ...one.Attributes, MessageAttributes: one.MessageAttributes }, null, 2))], async () => {}, "Close"),
        ),
        more ? h("p", { class: "muted" }, "There are more; these are the first thousand.") : null,
      ]),
    );
  };
  const send = () => {
    const body = h("textarea", { rows: 8, value: "{}" });
    const fifo = url.endsWith(".fifo");
    const group = h("input", { type: "text", value: "console" });
    form("Send a message", [field("Body", body), fifo && field("Message group", group)], async () => {
      await aws("sqs", "SendMessage", { QueueUrl: url, MessageBody: body.value, ...(fifo ? { MessageGroupId: group.value, MessageDeduplicationId: crypto.randomUUID() } : {}) });
      toast("Sent");
      load();
    }, "Send");
  };
  load();
  return [
    h("div", { class: "bar" }, button("Look again", load), button("Send a message", send, "primary"), button("Purge", () => confirmed(`Remove every message of ${last(url)}?`, () => aws("sqs", "PurgeQueue", { QueueUrl: url }).then(load, (error) => toast(error.message, true))), "danger")),
    h("p", { class: "hint" }, "To look does not receive: no message becomes invisible, and none is counted as received."),
    result,
  ];
}

// -- Secrets, mail

function secrets() {
  return later(all("secretsmanager", "ListSecrets", "SecretList"), (list) =>
    table(
      "Secrets",
      [
        ["Name", (one) => one.Name],
        ["Changed", (one) => moment(one.LastChangedDate ?? one.CreatedDate)],
        [
          "Value",
          (one) => {
            const place = h("span", { class: "secret" });
            show(
              place,
              button(
                "Show",
                () =>
                  aws("secretsmanager", "GetSecretValue", { SecretId: one.ARN }).then(
                    (answer) => show(place, h("code", {}, answer.SecretString ?? JSON.stringify(answer.SecretBinary)), copyButton(answer.SecretString ?? "", "Copy the value"), button("Hide", () => show(box()), "small")),
                    (error) => toast(error.message, true),
                  ),
                "small",
              ),
            );
            const box = () => show(place, h("span", { class: "muted" }, "hidden"));
            return place;
          },
        ],
      ],
      list,
    ),
  );
}

function mail() {
  const result = h("div");
  const load = () =>
    show(
      result,
      later(get("mail"), ({ mails }) =>
        mails.length
          ? mails.map((one) => h("details", { class: "letter" }, h("summary", {}, h("strong", {}, one.subject || "(no subject)"), " ", h("span", { class: "muted" }, `to ${one.to.join(", ")} · ${moment(one.received_at)}`)), h("pre", { tabindex: "0", "aria-label": "Mail" }, one.text || one.html)))
          : h("p", { class: "empty" }, "No mail. What SNS and SES send by e-mail arrives here, and nowhere else."),
      ),
    );
  load();
  return [h("div", { class: "bar" }, button("Look again", load), button("Empty the mailbox", () => confirmed("Remove every mail?", () => remove("mail").then(load)), "danger")), result];
}

// -- EventBridge

function buses() {
  return chooser("Event buses", all("events", "ListEventBuses", "EventBuses"), (one) => one.Name, bus, "No event bus.");
}

function bus(of) {
  const source = h("input", { type: "text", value: "console.try" });
  const kind = h("input", { type: "text", value: "Tried" });
  const detail = h("textarea", { rows: 8, value: "{}" });
  const result = h("div", { "aria-live": "polite" });
  const put = async () => {
    try {
      JSON.parse(detail.value);
      const answer = await aws("events", "PutEvents", { Entries: [{ EventBusName: of.Name, Source: source.value, DetailType: kind.value, Detail: detail.value }] });
      const [entry] = answer.Entries;
      show(result, entry.ErrorCode ? problem({ code: entry.ErrorCode, message: entry.ErrorMessage }) : h("p", {}, "Put: ", h("code", {}, entry.EventId)));
    } catch (error) {
      show(result, problem(error));
    }
  };
  return [
    h("h3", {}, "Rules"),
    later(all("events", "ListRules", "Rules", { EventBusName: of.Name }), (rules) => table("Rules", [["Rule", (one) => one.Name], ["State", (one) => chip(one.State, one.State === "ENABLED" ? "good" : "warn")], ["When", (one) => h("code", {}, one.ScheduleExpression ?? one.EventPattern ?? "–")]], rules)),
    h("h3", {}, "Put an event"),
    h("div", { class: "row" }, field("Source", source), field("Detail type", kind)),
    field("Detail", detail),
    h("div", { class: "actions" }, button("Put", put, "primary")),
    result,
  ];
}

// -- Alarms

export const ALARM_TONES = { OK: "good", ALARM: "bad", INSUFFICIENT_DATA: "warn" };

function alarms() {
  return later(all("cloudwatch", "DescribeAlarms", "MetricAlarms"), (list) =>
    table(
      "Alarms",
      [
        ["Alarm", (one) => one.AlarmName],
        ["State", (one) => chip(one.StateValue.replace("_", " ").toLowerCase(), ALARM_TONES[one.StateValue])],
        ["When", (one) => `${one.MetricName ?? "an expression"} ${one.ComparisonOperator.replace(/([A-Z])/g, " $1").toLowerCase().trim()} ${number(one.Threshold)}`],
        ["Why", (one) => h("span", { class: "value" }, one.StateReason)],
        ["Since", (one) => moment(one.StateUpdatedTimestamp)],
      ],
      list,
      (one) =>
        form(`History of ${one.AlarmName}`, [
          later(aws("cloudwatch", "DescribeAlarmHistory", { AlarmName: one.AlarmName, MaxRecords: 50 }), ({ AlarmHistoryItems = [] }) => table("History", [["When", (item) => moment(item.Timestamp)], ["What", (item) => item.HistoryItemType], ["Summary", (item) => item.HistorySummary]], AlarmHistoryItems)),
        ], async () => {}, "Close"),
    ),
  );
}
