"use strict";
// As esbuild writes it: --bundle --platform=node --format=cjs.
var __defProp = Object.defineProperty;
var __getOwnPropDesc = Object.getOwnPropertyDescriptor;
var __getOwnPropNames = Object.getOwnPropertyNames;
var __hasOwnProp = Object.prototype.hasOwnProperty;
var __export = (target, all) => {
  for (var name in all)
    __defProp(target, name, { get: all[name], enumerable: true });
};
var __copyProps = (to, from, except, desc) => {
  if (from && typeof from === "object" || typeof from === "function") {
    for (let key of __getOwnPropNames(from))
      if (!__hasOwnProp.call(to, key) && key !== except)
        __defProp(to, key, { get: () => from[key], enumerable: !(desc = __getOwnPropDesc(from, key)) || desc.enumerable });
  }
  return to;
};
var __toCommonJS = (mod) => __copyProps(__defProp({}, "__esModule", { value: true }), mod);

// src/main.ts
var main_exports = {};
__export(main_exports, {
  handler: () => handler
});
module.exports = __toCommonJS(main_exports);

// src/sum.ts
var sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

// src/main.ts
var handler = async (event) => ({ sum: sum(event?.numbers ?? [1, 2, 3]) });
// Annotate the CommonJS export names for ESM import in node:
0 && (module.exports = {
  handler
});
