// The todos service's HTTP API in JavaScript: users in Postgres (database/rds.js), their todos in DynamoDB
// (database/dynamodb.js). It answers what service/todos answers: the same scenarios hold.

"use strict";

const { Board, Closed, NotOpen, parseTodoId } = require("./database/dynamodb");
const { EmailTaken, Users } = require("./database/rds");
const { Refused, Unavailable } = require("./utils/errors");
const { answer, empty, refusal } = require("./utils/responses");
const { bodyOf, newTodo, newUser, paging, replacedTodo, userId } = require("./utils/validation");

const DELETION_MILLISECONDS = 15_000;
const LATEST = 5;

const users = new Users();
const board = new Board();

const noUser = () => new Refused(404, "There is no such user.");
const noTodo = () => new Refused(404, "There is no such todo.");

const routes = {
  "POST /users": async (event) => {
    const { email, name } = newUser(bodyOf(event));
    let user;
    try {
      user = await users.add(email, name);
    } catch (error) {
      if (!(error instanceof EmailTaken)) throw error;
      throw new Refused(409, "Another user has this e-mail address.", [{ field: "email", problem: "is taken" }]);
    }
    try {
      await board.open(user.id);
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      console.warn("the user's todos were not opened; the first todo makes up for it", { problem: error.message });
    }
    return answer(201, user);
  },

  "GET /users/{id}": async (event) => {
    const user = await users.find(pathUser(event));
    if (user === null) throw noUser();
    return answer(200, user);
  },

  "DELETE /users/{id}": async (event) => {
    const user = pathUser(event);
    if (!(await users.markDeleted(user))) throw noUser();
    await finishDeletion(user, Date.now() + DELETION_MILLISECONDS);
    return empty(204);
  },

  "POST /users/{id}/todos": async (event) => {
    const user = pathUser(event);
    const { title, done } = newTodo(bodyOf(event));
    return answer(201, await added(user, title, done));
  },

  "GET /users/{id}/todos": async (event) => {
    const user = pathUser(event);
    const { limit, cursor } = paging(event.queryStringParameters);
    await countsOf(user, false);
    const { todos, next } = await board.latest(user, limit, cursor);
    return answer(200, { todos, next });
  },

  "PUT /todos/{id}": async (event) => {
    const id = pathTodo(event);
    const { title, done } = replacedTodo(bodyOf(event));
    const todo = await board.replace(id, title, done);
    if (todo === null) throw noTodo();
    return answer(200, todo);
  },

  "DELETE /todos/{id}": async (event) => {
    if (!(await board.remove(pathTodo(event)))) throw noTodo();
    return empty(204);
  },

  "GET /dashboard/{id}": async (event) => {
    // What there is: a store that is away is named, and what it holds is null. 503 is for when nothing can be said.
    const id = pathUser(event);
    const missing = [];
    let [user, counts, latest] = [null, null, null];
    try {
      user = await users.find(id);
      if (user === null) throw noUser();
    } catch (error) {
      if (!(error instanceof Unavailable)) throw error;
      missing.push(lacking("user", "Postgres", error));
    }
    try {
      const tally = await countsOf(id, user !== null);
      latest = (await board.latest(id, LATEST)).todos;
      counts = { open: tally.open, done: tally.done, total: tally.open + tally.done };
    } catch (error) {
      if (!(error instanceof Unavailable) || user === null) throw error;
      missing.push(...["counts", "latest"].map((part) => lacking(part, "DynamoDB", error)));
    }
    return answer(200, { user, counts, latest, degraded: missing.length > 0, missing });
  },

  "GET /health": async () => {
    const [postgres, dynamodb] = await Promise.all([probed(() => users.ping()), probed(() => board.ping())]);
    const stores = { postgres, dynamodb };
    if (Object.values(stores).every((store) => store.state === "up")) return answer(200, { state: "up", stores });
    return answer(503, { state: "down", stores }, { "retry-after": "1" });
  },
};

// The user is nobody as soon as Postgres says so; the row goes last, so that whatever dies, somebody finishes it.
async function finishDeletion(user, deadline) {
  await board.close(user);
  for await (const count of board.clear(user)) {
    if (Date.now() > deadline) throw new Unavailable(`${count} more todos of a deleted user went, and there are more`);
  }
  await users.forget(user);
}

async function added(user, title, done) {
  try {
    return await board.add(user, title, done);
  } catch (error) {
    if (!(error instanceof NotOpen)) throw error;
  }
  if ((await users.find(user)) === null) throw noUser();
  await board.open(user);
  try {
    return await board.add(user, title, done);
  } catch (error) {
    if (error instanceof NotOpen) throw noUser(); // deleted since it was found
    throw error;
  }
}

// DynamoDB alone knows a user who has, or had, todos; of others Postgres tells whether they exist.
async function countsOf(user, isKnown) {
  let counts;
  try {
    counts = await board.counts(user);
  } catch (error) {
    if (error instanceof Closed) throw noUser();
    throw error;
  }
  if (counts === null && !isKnown && (await users.find(user)) === null) throw noUser();
  return counts ?? { open: 0, done: 0 };
}

async function probed(ask) {
  const started = process.hrtime.bigint();
  let state = "up";
  try {
    await ask();
  } catch (error) {
    if (!(error instanceof Unavailable)) throw error;
    console.warn("a store is down", { problem: error.message });
    state = "down";
  }
  const milliseconds = Number(process.hrtime.bigint() - started) / 1e6;
  return { state, latency_ms: Math.max(0.01, Math.round(milliseconds * 100) / 100) };
}

function lacking(part, store, error) {
  console.warn("the dashboard is degraded", { part, problem: error.message });
  return { part, problem: `${store} does not answer now.` };
}

function pathUser(event) {
  const id = userId(event.pathParameters?.id ?? "");
  if (id === null) throw noUser();
  return id;
}

function pathTodo(event) {
  const id = parseTodoId(event.pathParameters?.id ?? "");
  if (id === null) throw noTodo();
  return id;
}

// An error that is neither Refused nor Unavailable is a bug: Lambda reports it, and the API answers 500 without it.
exports.handler = async (event) => {
  try {
    const route = routes[event.routeKey];
    if (route === undefined) throw new Refused(404, "Not Found");
    return await route(event);
  } catch (error) {
    if (error instanceof Refused) return refusal(error);
    if (!(error instanceof Unavailable)) throw error;
    console.warn("not available", { problem: error.message });
    return answer(503, { message: "The service cannot do this now. Try again." }, { "retry-after": "1" });
  }
};
