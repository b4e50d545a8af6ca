// The plugin: the contract's exports around the provider. `wit/plugin.wit` says what it imports.

import http from "warbler:plugin/http@0.1.0";
import { outcomeOf, requestFor } from "./provider.js";

// How long to wait when nobody answers, in milliseconds.
const RETRY_MS = 30_000;

let url;

export const lifecycle = {
  init(config) {
    url = JSON.parse(config).url;
    if (typeof url !== "string") throw "`url` is missing";
  },
};

export const push = {
  deliver(batch) {
    // Several at a time: a batch has ten seconds.
    const responses = http.fetchAll(batch.map((notification) => requestFor(url, notification)));
    return responses.map(({ tag, val }) => {
      if (tag === "ok") return outcomeOf(val);
      if (val.tag === "timeout" || val.tag === "unreachable") return { tag: "retry", val: RETRY_MS };
      // A grant that is missing is a person's to mend.
      throw { tag: "misconfigured", val: `the provider cannot be called: ${val.tag} ${val.val ?? ""}` };
    });
  },
};
