// The plugin: the contract's exports around the filter. `wit/plugin.wit` says what it imports.

import log from "warbler:plugin/log@0.1.0";
import { makeFilter } from "./filter.js";
import { textOf } from "./warbler.js";

let filter;

export const lifecycle = {
  init(config) {
    filter = makeFilter(JSON.parse(config));
    log.write("info", "ready");
  },
};

export const contentFilter = {
  check(message) {
    return filter(textOf(message));
  },
};
