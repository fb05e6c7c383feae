// What a request can end in besides its answer: refused for what it says, or not possible now.

"use strict";

class Refused extends Error {
  constructor(status, message, problems = []) {
    super(message);
    this.status = status;
    this.problems = problems;
  }
}

class Unavailable extends Error {}

module.exports = { Refused, Unavailable };
