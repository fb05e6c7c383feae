// Answers as an HTTP API takes them.

"use strict";

function answer(statusCode, content, headers = {}) {
  return { statusCode, headers: { "content-type": "application/json", ...headers }, body: JSON.stringify(content) };
}

const empty = (statusCode) => ({ statusCode });

function refusal({ status, message, problems }) {
  return answer(status, problems.length > 0 ? { message, errors: problems } : { message });
}

module.exports = { answer, empty, refusal };
