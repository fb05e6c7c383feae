// The todos in DynamoDB, as service/todos/board.py keeps them: all that belongs to a user is one item collection.
//
//     pk <user>   sk USER          state, open, done                       how many todos there are; or that none may come
//     pk <user>   sk TODO#<ulid>   title, done, created_at, updated_at     in the order in which they were made
//
// A todo comes, goes and changes its state in one transaction with the user's item, whose condition is that it is open:
// so the counts are exact, and nothing comes once it is closed.

"use strict";

const { randomUUID } = require("node:crypto");

const { DynamoDBClient } = require("@aws-sdk/client-dynamodb");
const {
  BatchWriteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
  UpdateCommand,
} = require("@aws-sdk/lib-dynamodb");
const { monotonicFactory } = require("ulid");

const { CLIENT, pause, send } = require("../utils/aws");
const { Unavailable } = require("../utils/errors");
const { ULID } = require("../utils/validation");

const TableName = process.env.TABLE_NAME;
const CLOSED_SECONDS = 24 * 60 * 60;
const ATTEMPTS = 8;
const BATCH_ATTEMPTS = 5;
const MOST_WRITTEN = 25;
const PAGE = 1000;

const USER = 0;
const TODO = 1; // the actions of every transaction
const UNCHANGED = { ConditionExpression: "#done = :seen", ExpressionAttributeNames: { "#done": "done" } };
const COUNT_NAMES = { "#state": "state", "#open": "open", "#done": "done" };
const MET_OTHERS = new Set(["TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"]);

class NotOpen extends Error {} // the user's item is missing, or closed
class Closed extends Error {} // the user is being deleted, or was

// A transaction was not carried out: `failed` are the actions whose conditions do not hold.
class Cancelled extends Error {
  constructor(failed) {
    super(`the conditions of the actions ${[...failed]} do not hold`);
    this.failed = failed;
  }
}

const isFailedCondition = (error) =>
  error instanceof Unavailable && error.cause?.name === "ConditionalCheckFailedException";

const account = (user) => ({ pk: user, sk: "USER" });
const keyOf = ({ user, sequence }) => ({ pk: user, sk: `TODO#${sequence}` });
const nextUlid = monotonicFactory();

// Microseconds, as Python's service writes them: the clock of the process, which never goes back within it.
let last = 0n;
function now() {
  const moment = BigInt(Math.round((performance.timeOrigin + performance.now()) * 1000));
  last = moment > last ? moment : last + 1n;
  const seconds = new Date(Number(last / 1000n)).toISOString().slice(0, -1);
  return `${seconds}${String(last % 1000n).padStart(3, "0")}Z`;
}

// A todo's id is both of its keys, `<user>-<ulid>`: it is found without an index.
function parseTodoId(text) {
  const match = /^([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})-(.+)$/.exec(text);
  return match !== null && ULID.test(match[6]) ? { user: match.slice(1, 6).join("-"), sequence: match[6] } : null;
}

function todoOf({ pk, sk, title, done, created_at, updated_at }) {
  const id = `${pk.replaceAll("-", "")}-${sk.slice("TODO#".length)}`;
  return { id, title, done, created_at, updated_at, user_id: pk };
}

class Board {
  #client = DynamoDBDocumentClient.from(new DynamoDBClient(CLIENT));

  #send(command, patience) {
    return send(this.#client, command, patience);
  }

  // The user's item

  // Todos may come, unless this was settled before.
  async open(user) {
    const Item = { ...account(user), state: "open", open: 0, done: 0 };
    try {
      await this.#send(new PutCommand({ TableName, Item, ConditionExpression: "attribute_not_exists(pk)" }));
    } catch (error) {
      if (!isFailedCondition(error)) throw error;
    }
  }

  // How many todos the user has; null when DynamoDB does not know the user.
  async counts(user) {
    const item = await this.#get(account(user));
    if (item === null) return null;
    if (item.state === "closed") throw new Closed();
    return { open: item.open, done: item.done };
  }

  // No todo comes from now on.
  async close(user) {
    await this.#send(
      new UpdateCommand({
        TableName,
        Key: account(user),
        UpdateExpression: "SET #state = :closed, expires_at = :expires REMOVE #open, #done",
        ExpressionAttributeNames: COUNT_NAMES,
        ExpressionAttributeValues: { ":closed": "closed", ":expires": Math.floor(Date.now() / 1000) + CLOSED_SECONDS },
      }),
    );
  }

  // Deletes the todos of a closed user page by page, and tells how many went each time.
  async *clear(user) {
    for (;;) {
      const items = [];
      for await (const item of this.#query(user, {})) {
        items.push(item);
        if (items.length === PAGE) break;
      }
      if (items.length === 0) return;
      await this.#deleteMany(items.map(({ pk, sk }) => ({ pk, sk })));
      yield items.length;
    }
  }

  // The todos

  async add(user, title, done) {
    const moment = now();
    const item = { pk: user, sk: `TODO#${nextUlid()}`, title, done, created_at: moment, updated_at: moment };
    try {
      await this.#transact(this.#count(user, done ? 0 : 1, done ? 1 : 0), {
        Put: { TableName, Item: item, ConditionExpression: "attribute_not_exists(pk)" },
      });
    } catch (error) {
      if (!(error instanceof Cancelled)) throw error;
      // Else it is there already: the answer to a first try was lost.
      if (!error.failed.has(TODO)) throw new NotOpen();
    }
    return todoOf(item);
  }

  // The newest todos, or those before a cursor; and the cursor of what comes after them.
  async latest(user, limit, before) {
    const start = before === undefined ? {} : { ExclusiveStartKey: keyOf({ user, sequence: before }) };
    const items = [];
    for await (const item of this.#query(user, { Limit: limit + 1, ScanIndexForward: false, ...start })) {
      items.push(item);
      if (items.length > limit) break;
    }
    const todos = items.slice(0, limit);
    const next = items.length > limit ? todos.at(-1).sk.slice("TODO#".length) : null;
    return { todos: todos.map(todoOf), next };
  }

  // The todo as it is now; null when there is none.
  async replace(id, title, done) {
    for await (const item of this.#attempts(id)) {
      try {
        return todoOf(await this.#replaced(id, item, title, done));
      } catch (error) {
        if (isFailedCondition(error)) continue;
        if (!(error instanceof Cancelled)) throw error;
        if (error.failed.has(USER)) return null;
      }
    }
    return null;
  }

  // Whether it was there. That it went between two tries, whoever deleted it, is as good.
  async remove(id) {
    let wasThere = false;
    for await (const item of this.#attempts(id)) {
      wasThere = true;
      const values = { ExpressionAttributeValues: { ":seen": item.done } };
      try {
        await this.#transact(this.#count(id.user, item.done ? 0 : -1, item.done ? -1 : 0), {
          Delete: { TableName, Key: keyOf(id), ...UNCHANGED, ...values },
        });
        return true;
      } catch (error) {
        if (!(error instanceof Cancelled)) throw error;
        if (error.failed.has(USER)) return false;
      }
    }
    return wasThere;
  }

  async ping() {
    // The second attempt is for a kept connection that is gone.
    await this.#get({ pk: "-", sk: "-" }, { attempts: 2, milliseconds: 1000 });
  }

  // The todo as it is, again and again, until it is gone.
  async *#attempts(id) {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const item = await this.#get(keyOf(id));
      if (item === null) return;
      yield item;
    }
    throw new Unavailable(`the todo was changed by others ${ATTEMPTS} times`);
  }

  async #replaced(id, item, title, done) {
    const moment = now();
    const Key = keyOf(id);
    const values = { ":title": title, ":now": moment, ":seen": item.done };
    const change = "SET title = :title, updated_at = :now";
    if (done === item.done) {
      const command = new UpdateCommand({
        TableName,
        Key,
        UpdateExpression: change,
        ...UNCHANGED,
        ExpressionAttributeValues: values,
        ReturnValues: "ALL_NEW",
      });
      return (await this.#send(command)).Attributes;
    }
    await this.#transact(this.#count(id.user, done ? -1 : 1, done ? 1 : -1), {
      Update: {
        TableName,
        Key,
        UpdateExpression: `${change}, #done = :done`,
        ...UNCHANGED,
        ExpressionAttributeValues: { ...values, ":done": done },
      },
    });
    return { ...item, title, done, updated_at: moment };
  }

  #count(user, opened, finished) {
    return {
      Update: {
        TableName,
        Key: account(user),
        UpdateExpression: "ADD #open :opened, #done :finished",
        ConditionExpression: "#state = :open",
        ExpressionAttributeNames: COUNT_NAMES,
        ExpressionAttributeValues: { ":open": "open", ":opened": opened, ":finished": finished },
      },
    };
  }

  // Both actions or none. The token makes it once for ten minutes: sent again, it does nothing more.
  async #transact(user, todo) {
    const command = new TransactWriteCommand({ TransactItems: [user, todo], ClientRequestToken: randomUUID() });
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#send(command);
        return;
      } catch (error) {
        const reasons = error.cause?.CancellationReasons ?? [];
        const failed = new Set(reasons.flatMap(({ Code }, at) => (Code === "ConditionalCheckFailed" ? [at] : [])));
        if (failed.size > 0) throw new Cancelled(failed);
        if (attempt === BATCH_ATTEMPTS || !reasons.some(({ Code }) => MET_OTHERS.has(Code))) throw error;
        await pause((10 + Math.random() * 30) * attempt);
      }
    }
  }

  async #get(Key, patience) {
    return (await this.#send(new GetCommand({ TableName, Key, ConsistentRead: true }), patience)).Item ?? null;
  }

  async *#query(user, options) {
    let start = options.ExclusiveStartKey;
    do {
      const command = new QueryCommand({
        TableName,
        KeyConditionExpression: "pk = :pk AND begins_with(sk, :todo)",
        ExpressionAttributeValues: { ":pk": user, ":todo": "TODO#" },
        ConsistentRead: true,
        ...options,
        ExclusiveStartKey: start,
      });
      const page = await this.#send(command);
      yield* page.Items;
      start = page.LastEvaluatedKey;
    } while (start !== undefined);
  }

  // Items that nobody writes any more: without a condition, in any order.
  async #deleteMany(keys) {
    let left = keys.map((Key) => ({ DeleteRequest: { Key } }));
    for (let attempt = 0; attempt < BATCH_ATTEMPTS; attempt += 1) {
      await pause((20 + Math.random() * 40) * attempt);
      const unprocessed = [];
      for (let at = 0; at < left.length; at += MOST_WRITTEN) {
        const batch = { RequestItems: { [TableName]: left.slice(at, at + MOST_WRITTEN) } };
        const answered = await this.#send(new BatchWriteCommand(batch));
        unprocessed.push(...(answered.UnprocessedItems?.[TableName] ?? []));
      }
      left = unprocessed;
      if (left.length === 0) return;
    }
    throw new Unavailable(`DynamoDB left ${left.length} of ${keys.length} items undeleted ${BATCH_ATTEMPTS} times`);
  }
}

module.exports = { Board, Closed, NotOpen, parseTodoId };
