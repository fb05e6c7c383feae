// Calls of AWS with the patience that a request has: each try has its time, and there are three. The SDK's own retries
// are off: their quota is not given back where a lost answer's second try meets its own write.

"use strict";

const { Unavailable } = require("./errors");

const ATTEMPTS = 3;
const ANSWER_MILLISECONDS = 2000;
const OUR_MISTAKE = new Set(["ValidationException", "SerializationException", "IdempotentParameterMismatchException"]);

const CLIENT = { maxAttempts: 1, requestHandler: { connectionTimeout: 1000 } };

const pause = (milliseconds) => new Promise((go) => setTimeout(go, milliseconds));

// An answer that says what the service found is one; that it is away, busy or broken is none.
function worthAnotherTry(error) {
  const status = error.$metadata?.httpStatusCode;
  return status === undefined || status >= 500 || /Throttl|ProvisionedThroughputExceeded/.test(error.name);
}

async function send(client, command, { attempts = ATTEMPTS, milliseconds = ANSWER_MILLISECONDS } = {}) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await client.send(command, { abortSignal: AbortSignal.timeout(milliseconds) });
    } catch (error) {
      if (OUR_MISTAKE.has(error.name)) throw error;
      if (attempt >= attempts || !worthAnotherTry(error)) {
        throw new Unavailable(`${error.name}: ${error.message}`, { cause: error });
      }
      await pause(Math.random() * 50 * 2 ** attempt);
    }
  }
}

module.exports = { CLIENT, pause, send };
