// Stands in for the native part of aws-lambda-ric: the same three calls over a connection that is open already.
//
// launch.py connects to the Runtime API, so that the socket blocks: an answer is sent whole before `done` returns, as
// the native part does it, and a process that ends right after has told what it had to. `next` waits in a thread of
// libuv's pool, as the native part does.
"use strict";

const fs = require("node:fs");

const socket = Number(process.env.STATICFIRE_RUNTIME_API_SOCKET);
delete process.env.STATICFIRE_RUNTIME_API_SOCKET;

const END_OF_HEAD = Buffer.from("\r\n\r\n");
const piece = Buffer.allocUnsafe(65536);
let received = Buffer.alloc(0);

function send(method, path, headers, body) {
  const lines = Object.entries({ host: process.env.AWS_LAMBDA_RUNTIME_API, "content-length": body.length, ...headers });
  const head = [`${method} /2018-06-01/runtime/invocation/${path} HTTP/1.1`, ...lines.map((line) => line.join(": "))];
  const message = Buffer.concat([Buffer.from(`${head.join("\r\n")}\r\n\r\n`), body]);
  for (let sent = 0; sent < message.length; ) sent += fs.writeSync(socket, message, sent);
}

// The first whole answer of what has been received, or undefined.
function take() {
  const end = received.indexOf(END_OF_HEAD);
  if (end < 0) return undefined;
  const [status, ...lines] = received.toString("latin1", 0, end).split("\r\n");
  const headers = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    headers[line.slice(0, colon).toLowerCase()] = line.slice(colon + 1).trim();
  }
  const begin = end + END_OF_HEAD.length;
  const length = Number(headers["content-length"]);
  if (received.length < begin + length) return undefined;
  const body = received.toString("utf8", begin, begin + length);
  received = received.subarray(begin + length);
  return { status: Number(status.split(" ")[1]), headers, body };
}

function keep(count) {
  if (count === 0) throw new Error("The Runtime API has ended the connection");
  received = Buffer.concat([received, piece.subarray(0, count)]);
}

function post(path, headers, text) {
  send("POST", path, { "content-type": "application/json", ...headers }, Buffer.from(text));
  while (take() === undefined) keep(fs.readSync(socket, piece, 0, piece.length, null));
}

function answer() {
  return new Promise((resolve, reject) => {
    const look = () => {
      const whole = take();
      if (whole !== undefined) return resolve(whole);
      fs.read(socket, piece, 0, piece.length, null, (error, count) => {
        try {
          if (error) throw error;
          keep(count);
          look();
        } catch (failure) {
          reject(failure);
        }
      });
    };
    look();
  });
}

exports.next = async () => {
  send("GET", "next", {}, Buffer.alloc(0));
  const { status, headers, body } = await answer();
  if (status !== 200) throw new Error(`Failed to get next invocation, error ${status}`);
  return { bodyJson: body, headers };
};

exports.done = (id, response) => {
  post(`${id}/response`, {}, response);
  return null;
};

exports.error = (id, response, cause) => {
  // A header is one line of Latin-1; what cannot be in it is not needed here.
  const headers = /^[\x20-\x7e]*$/.test(cause) ? { "lambda-runtime-function-xray-error-cause": cause } : {};
  post(`${id}/error`, headers, response);
  return null;
};
