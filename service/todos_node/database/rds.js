// The users in Postgres, the truth about who exists, over one connection that is kept.
//
//     absent --add--> active --markDeleted--> deleted --forget--> absent
//
// Every statement is safe to send twice, as after a lost connection. The connection's settings are a secret, named by
// DATABASE_SECRET_ARN; DATABASE_TLS says how the server is trusted: `verify`, `require`, `prefer`.

"use strict";

const { randomUUID } = require("node:crypto");

const { GetSecretValueCommand, SecretsManagerClient } = require("@aws-sdk/client-secrets-manager");
const { Client } = require("pg");

const { CLIENT, send } = require("../utils/aws");
const { Unavailable } = require("../utils/errors");

const STATEMENT_MILLISECONDS = 2000; // every statement here finds its row by a key
const GRACE_MILLISECONDS = 1000;
const ADD_ATTEMPTS = 3;

const COLUMNS = `id, email, name, to_char(created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as created_at`;
const ADD = `insert into todos_users (id, email, email_key, name) values ($1, $2, $3, $4)
on conflict do nothing returning ${COLUMNS}`;
const WITH_EMAIL = `select ${COLUMNS} from todos_users where email_key = $1 and deleted_at is null`;
const FIND = `select ${COLUMNS} from todos_users where id = $1 and deleted_at is null`;
const MARK_DELETED = "update todos_users set deleted_at = coalesce(deleted_at, now()) where id = $1 returning id";
const FORGET = "delete from todos_users where id = $1 and deleted_at is not null";

// What the server refuses now and will do later, by SQLSTATE; 53 is the class of insufficient resources.
const REFUSED_FOR_NOW =
  /^(25006|28000|28P01|3D000|40001|40P01|42883|42P01|53...|58030|57014|57P01|57P02|57P03)$/;
const WRONG_PASSWORD = new Set(["28P01", "28000"]);
// The server ended the connection: on one that was kept, it is a lost one.
const ENDED = new Set(["57P01", "57P02"]);

class EmailTaken extends Error {}

const sqlstate = (error) => (error.severity !== undefined && /^[0-9A-Z]{5}$/.test(error.code ?? "") ? error.code : "");
const tookTooLong = (error) => /timeout/i.test(error.message);

class Database {
  #secrets = new SecretsManagerClient(CLIENT);
  #secret = null;
  #client = null;

  // The rows of one idempotent statement, committed.
  async run(sql, values = []) {
    const kept = this.#client !== null;
    try {
      const client = (this.#client ??= await this.#connect());
      return (await client.query({ text: sql, values, name: sql.slice(0, 60) })).rows;
    } catch (error) {
      if (error instanceof Unavailable) throw error;
      this.#close();
      const code = sqlstate(error);
      if (code && !(kept && ENDED.has(code))) {
        if (!REFUSED_FOR_NOW.test(code)) throw error;
        throw new Unavailable(`Postgres refuses for now: ${error.message}`, { cause: error });
      }
      if (!kept || tookTooLong(error)) {
        throw new Unavailable(`Postgres cannot be reached: ${error.message}`, { cause: error });
      }
      console.info("the connection to Postgres was lost, connecting again");
    }
    return this.run(sql, values);
  }

  async #connect() {
    if (this.#secret !== null) {
      try {
        return await this.#connectWith(this.#secret);
      } catch (error) {
        if (!WRONG_PASSWORD.has(sqlstate(error))) throw error;
        console.info("the database refuses the known password, reading the secret again");
      }
    }
    const command = new GetSecretValueCommand({ SecretId: process.env.DATABASE_SECRET_ARN });
    const secret = JSON.parse((await send(this.#secrets, command)).SecretString);
    const client = await this.#connectWith(secret);
    this.#secret = secret;
    return client;
  }

  async #connectWith(secret) {
    const mode = process.env.DATABASE_TLS ?? "require";
    const encrypted = mode === "verify" ? { ca: secret.ca, rejectUnauthorized: true } : { rejectUnauthorized: false };
    try {
      return await this.#open(secret, encrypted);
    } catch (error) {
      if (mode !== "prefer" || !/does not support SSL/.test(error.message)) throw error;
      return await this.#open(secret, false);
    }
  }

  async #open(secret, ssl) {
    const client = new Client({
      host: secret.host,
      port: Number(secret.port),
      database: secret.dbname,
      user: secret.username,
      password: secret.password,
      ssl,
      application_name: process.env.AWS_LAMBDA_FUNCTION_NAME,
      statement_timeout: STATEMENT_MILLISECONDS,
      query_timeout: STATEMENT_MILLISECONDS + GRACE_MILLISECONDS,
      connectionTimeoutMillis: STATEMENT_MILLISECONDS + GRACE_MILLISECONDS,
    });
    // Between statements too: the next one connects anew.
    client.on("error", (error) => {
      console.info("the connection to Postgres ended", { problem: error.message });
      if (this.#client === client) this.#client = null;
    });
    await client.connect();
    return client;
  }

  #close() {
    const client = this.#client;
    this.#client = null;
    client?.end().catch((error) => console.debug("closing a lost connection", { problem: error.message }));
  }
}

// The same text for every spelling of an address: upper and lower case, accents as one character or two. Upper case
// first, so that letters with two lower-case forms have one.
function compared(email) {
  const lower = [...email.normalize("NFC").toUpperCase()].map((letter) => letter.toLowerCase());
  return lower.join("").normalize("NFC");
}

class Users {
  #database = new Database();

  async add(email, name) {
    const id = randomUUID();
    const key = compared(email);
    for (let attempt = 0; attempt < ADD_ATTEMPTS; attempt += 1) {
      let rows = await this.#database.run(ADD, [id, email, key, name]);
      if (rows.length === 0) rows = await this.#database.run(WITH_EMAIL, [key]);
      if (rows.length > 0) {
        if (rows[0].id !== id) throw new EmailTaken();
        return rows[0];
      }
    }
    throw new Unavailable("the address was taken and free again, time after time");
  }

  async find(id) {
    return (await this.#database.run(FIND, [id]))[0] ?? null;
  }

  // Whether there is something to delete: an active user, or one whose deletion was interrupted.
  async markDeleted(id) {
    return (await this.#database.run(MARK_DELETED, [id])).length > 0;
  }

  async forget(id) {
    await this.#database.run(FORGET, [id]);
  }

  async ping() {
    await this.#database.run("select 1");
  }
}

module.exports = { EmailTaken, Users };
