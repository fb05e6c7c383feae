// The console's API, as api/openapi.json describes it. Addresses are relative: the token is a part of the page's own.

export const stack = { account: "000000000000", region: "", overview: null };

export class Failure extends Error {
  constructor(message, code, status) {
    super(message);
    this.code = code;
    this.status = status;
  }
}

async function answered(promise) {
  let response;
  try {
    response = await promise;
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Failure("The console does not answer. `staticfire open` starts it.", "", 0);
  }
  const document = await response.json();
  if (!response.ok) throw new Failure(document.message ?? `It answered ${response.status}.`, document.code, response.status);
  return document;
}

export function get(path, query = {}, signal) {
  const parameters = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== "" && value !== undefined && value !== null));
  return answered(fetch(`api/${path}${parameters.size ? `?${parameters}` : ""}`, { signal }));
}

export function post(path, body) {
  return answered(fetch(`api/${path}`, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) }));
}

export function remove(path) {
  return answered(fetch(`api/${path}`, { method: "DELETE" }));
}

export function aws(service, operation, parameters = {}, region = stack.region) {
  return post(`aws/${service}/${operation}`, { account: stack.account, region, parameters });
}

/** All pages of a listing, up to `most` entries. */
export async function all(service, operation, key, parameters = {}, most = 500, tokens = ["NextToken", "NextToken"]) {
  const entries = [];
  let page = {};
  do {
    const answer = await aws(service, operation, { ...parameters, ...page });
    entries.push(...(answer[key] ?? []));
    page = answer[tokens[0]] ? { [tokens[1]]: answer[tokens[0]] } : null;
  } while (page && entries.length < most);
  return entries;
}
