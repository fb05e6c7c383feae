// A request that came in, as what sends it again: for the form, as a line of curl, as a test.

import { stack } from "./api.js";

const OF_THE_WAY = new Set(["host", "content-length", "connection", "accept-encoding", "x-amzn-trace-id", "x-forwarded-for", "x-forwarded-port", "x-forwarded-proto", "via", "transfer-encoding", "expect"]);

const KEPT = 64 * 1024; // of a body this much is in its trace

/** Why a body cannot be sent again: it is not in the trace whole. Empty where it is. */
function cutBody(bytes, headers, trace) {
  const length = headers.find(([name]) => name.toLowerCase() === "content-length")?.[1];
  const whole = length === undefined ? bytes < KEPT && !(trace.spans_cut && bytes >= 1000) : Number(length) <= bytes;
  if (whole) return "";
  const had = length === undefined ? "an unknown number of" : Number(length).toLocaleString("en-GB");
  return `The body had ${had} bytes, and its trace keeps ${bytes.toLocaleString("en-GB")} of them: it cannot be sent again. A body of up to 64 KiB can.`;
}

/** Method, address, headers and body of the first request of a trace; null where none came over HTTP. A body that is
 * not text is `base64`; `cut` says why the request cannot be sent again. */
export function requestOf(trace) {
  const span = trace.waterfall.find((one) => one.kind === "api" && one.facts.method);
  if (!span) return null;
  const facts = span.facts;
  const place = facts.api_type === "url" ? `/_aws/lambda-url/${facts.api_id}` : `/_aws/execute-api/${facts.api_id}/${encodeURIComponent(facts.stage)}`;
  const headers = Array.isArray(facts.headers) ? facts.headers : Object.entries(facts.headers ?? {});
  const base64 = facts.body?.base64 ?? "";
  const body = typeof facts.body === "string" ? facts.body : "";
  return {
    method: facts.method,
    url: `${stack.overview.endpoint}${facts.api_id ? place : ""}${facts.path}${facts.query ? `?${facts.query}` : ""}`,
    path: facts.path,
    query: facts.query ?? "",
    headers: headers.filter(([name]) => !OF_THE_WAY.has(name.toLowerCase())),
    body,
    base64,
    cut: cutBody(base64 ? atob(base64).length : new TextEncoder().encode(body).length, headers, trace),
    status: span.status,
  };
}

/** A word of a shell. Control characters are written, not sent: a terminal that they are pasted into would take them for keys. */
export function quoted(text) {
  if (/^[\w@%+=:,./-]+$/.test(text)) return text;
  if (!/[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/.test(text)) return `'${text.replaceAll("'", "'\\''")}'`;
  const escaped = text.replaceAll(/[\\']/g, "\\$&");
  return `$'${escaped.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (letter) => `\\u${letter.charCodeAt(0).toString(16).padStart(4, "0")}`)}'`;
}

export function asCurl(request) {
  const parts = ["curl", "-sS", "--globoff"];
  if (request.method !== "GET") parts.push("-X", request.method);
  parts.push(quoted(request.url));
  for (const [name, value] of request.headers.filter(([key]) => !["user-agent", "accept"].includes(key.toLowerCase()))) parts.push("-H", quoted(`${name}: ${value}`));
  if (request.base64) return `printf %s ${quoted(request.base64)} | base64 -d | ${[...parts, "--data-binary", "@-"].join(" ")}`;
  if (request.body) parts.push("--data-raw", quoted(request.body)); // not --data-binary: a body that begins with @ names a file there
  return parts.join(" ");
}

export function python(text) {
  const escaped = (letter) => {
    const code = letter.codePointAt(0).toString(16);
    return code.length > 4 ? `\\U${code.padStart(8, "0")}` : `\\u${code.padStart(4, "0")}`;
  };
  return JSON.stringify(text).replaceAll(/[\u007f-\u{10ffff}]/gu, escaped);
}

export function asPytest(request, trace) {
  const name = `${request.method} ${request.path}`.toLowerCase().replaceAll(/[^a-z0-9]+/g, "_").replaceAll(/^_|_$/g, "");
  const kept = request.headers.filter(([key]) => !["user-agent", "accept"].includes(key.toLowerCase()));
  const path = `${request.path}${request.query ? `?${request.query}` : ""}`;
  const lines = [
    ...(request.base64 ? ["from base64 import b64decode", ""] : []),
    "from staticfire.testing.kit import ApiClient",
    "",
    "",
    `def test_${name}_answers_${request.status}(api: ApiClient) -> None:`,
    `    """As the trace ${trace.id.replaceAll(/[^\w-]/g, "")} had it."""`,
    "    answer = api.request(",
    `        ${python(request.method)},`,
    `        ${python(path)},`,
    ...(request.body ? [`        body=${python(request.body)}.encode(),`] : []),
    ...(request.base64 ? [`        body=b64decode(${python(request.base64)}),`] : []),
    ...(kept.length ? ["        headers={", ...kept.map(([key, value]) => `            ${python(key)}: ${python(value)},`), "        },"] : []),
    "    )",
    `    assert answer.status == ${request.status}`,
    "",
  ];
  return lines.join("\n");
}
