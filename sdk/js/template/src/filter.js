// What the filter does, without anything of the host, so that `npm test` runs it as it is.

import { byteOffsets, hold, pass, reject, warn } from "./warbler.js";

/** Makes a filter from the tenant's configuration; throws a sentence if it is wrong. */
export function makeFilter(config) {
  const words = (config.words ?? ["scam"]).map((word) => word.trim().toLowerCase());
  if (words.includes("")) throw "`words` has an empty word";
  const action = config.action ?? "warn";
  return (text) => decide(action, find(words, text));
}

function decide(action, findings) {
  if (findings.length === 0) return pass();
  const [code, text] = ["listed-word", "This message contains a listed word."];
  if (action === "hold") return hold(code, text, findings);
  if (action === "reject") return reject(code, text, true, findings);
  return warn(code, text, findings);
}

/** Every place of a listed word, in order. */
function find(words, text) {
  // Lower case of ASCII alone, so that indices stay those of the original.
  const lower = text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const places = [];
  for (const word of words) {
    for (let at = lower.indexOf(word); at >= 0; at = lower.indexOf(word, at + word.length)) {
      places.push({ word, at });
    }
  }
  places.sort((one, other) => one.at - other.at);
  const bytes = byteOffsets(text);
  return places.map(({ word, at }) => ({
    label: "listed-word",
    rule: word,
    start: bytes(at),
    end: bytes(at + word.length),
    score: 1,
  }));
}
