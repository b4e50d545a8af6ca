import assert from "node:assert/strict";
import test from "node:test";

import { outcomeOf, requestFor, utf8 } from "../src/provider.js";

const answer = (status) => ({ status, headers: [["Retry-After", "7"]], body: utf8("no") });

test("each answer stands for an outcome", () => {
  const outcomes = [200, 410, 429, 400].map((status) => outcomeOf(answer(status)));
  assert.deepEqual(outcomes, [
    { tag: "accepted", val: null },
    { tag: "gone" },
    { tag: "retry", val: 7_000 },
    { tag: "rejected", val: "400: no" },
  ]);
});

test("a request carries the notification, in UTF-8", () => {
  const endpoint = { address: '{"device":"d-1"}' };
  const request = requestFor("https://push.example.com/send", { id: "1", endpoint, title: "安", body: "", badge: 1 });
  const message = JSON.parse(new TextDecoder().decode(request.body));
  assert.deepEqual([message.to.device, message.title], ["d-1", "安"]);
});
