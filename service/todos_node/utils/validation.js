// What a request must look like, with every problem named. JSON.parse says nothing of a name that is given twice:
// jsonc-parser does.

"use strict";

const { parseTree } = require("jsonc-parser");

const { Refused } = require("./errors");

const BODY_LIMIT = 16 * 1024;
const ADDRESS = /^[^\s@\x00-\x1f\x7f]{1,64}@[^\s@.\x00-\x1f\x7f]+(\.[^\s@.\x00-\x1f\x7f]+)+$/u;
const CANONICAL = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const ULID = /^[0-7][0-9A-HJKMNP-TV-Z]{25}$/;

const problem = (field, text) => ({ field, problem: text });
const invalid = (problems) => new Refused(400, "The request is not valid.", problems);

function bodyOf(event) {
  const bytes = Buffer.from(event.body ?? "", event.isBase64Encoded ? "base64" : "utf8");
  if (bytes.length > BODY_LIMIT) throw new Refused(413, `The body is larger than ${BODY_LIMIT} bytes.`);
  let text;
  try {
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw invalid([problem("body", "must be UTF-8")]);
  }
  let content;
  try {
    content = JSON.parse(text);
  } catch {
    throw invalid([problem("body", "must be JSON")]);
  }
  if (content === null || typeof content !== "object" || Array.isArray(content)) {
    throw invalid([problem("body", "must be a JSON object")]);
  }
  const names = (parseTree(text).children ?? []).map((property) => property.children[0].value);
  const repeated = [...new Set(names.filter((name, at) => names.indexOf(name) !== at))].sort();
  return { content, problems: repeated.map((name) => problem(name, "is given more than once")) };
}

// The fields of a body by their checks, each of which returns what is wrong, or nothing.
function check({ content, problems }, fields) {
  const all = [...problems];
  for (const [name, { required, test }] of Object.entries(fields)) {
    if (!Object.hasOwn(content, name)) {
      if (required) all.push(problem(name, "is missing"));
      continue;
    }
    const wrong = test(content[name]);
    if (wrong) all.push(problem(name, wrong));
  }
  for (const name of Object.keys(content)) {
    if (!Object.hasOwn(fields, name)) all.push(problem(name, "is not a known field"));
  }
  if (all.length > 0) throw invalid(all);
  return content;
}

function text(least, most, further = () => undefined) {
  return (value) => {
    if (typeof value !== "string") return "must be a string";
    if (!value.isWellFormed()) return "must not contain half of a surrogate pair";
    const length = [...value].length;
    if (length < least) return `must have ${least} characters at least`;
    if (length > most) return `must have ${most} characters at most`;
    if (value.includes("\0")) return "must not contain the character NUL";
    return further(value);
  };
}

const shown = (value) => (value.trim() === "" ? "must not be blank" : undefined);
const address = (value) => (ADDRESS.test(value) ? undefined : "must be an e-mail address, as ada@example.com");
const truth = (value) => (typeof value === "boolean" ? undefined : "must be true or false");

const newUser = (body) =>
  check(body, {
    email: { required: true, test: text(3, 254, address) },
    name: { required: true, test: text(1, 128, shown) },
  });

const todo = (body, required) =>
  check(body, { title: { required: true, test: text(1, 256, shown) }, done: { required, test: truth } });
const newTodo = (body) => ({ done: false, ...todo(body, false) });
const replacedTodo = (body) => todo(body, true);

// `cursor` is the `next` of the page before. A parameter that is given twice comes as `a,b`.
function paging(query) {
  const wanted = check(
    { content: query ?? {}, problems: [] },
    {
      limit: {
        test: (value) => {
          if (!/^[0-9]{1,18}$/.test(value)) return "must be a whole number";
          if (Number(value) < 1) return "must be at least 1";
          return Number(value) > 100 ? "must be at most 100" : undefined;
        },
      },
      cursor: { test: (value) => (ULID.test(value) ? undefined : `must match ${ULID.source}`) },
    },
  );
  return { limit: Number(wanted.limit ?? 20), cursor: wanted.cursor };
}

const userId = (value) => (CANONICAL.test(value) ? value : null);

module.exports = { ULID, bodyOf, newTodo, newUser, paging, replacedTodo, userId };
