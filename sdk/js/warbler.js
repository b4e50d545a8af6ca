// The Warbler kit for JavaScript: decisions, and offsets as the contract counts them.

const decision = (tag, val, findings) => ({ verdict: val === undefined ? { tag } : { tag, val }, findings });

/** Nothing to say against it. */
export const pass = () => decision("pass", undefined, []);
/** Deliver, and record the findings. */
export const flag = (findings) => decision("flag", undefined, findings);
/** Deliver with a caution that receivers see. */
export const warn = (code, text, findings = []) => decision("warn", { code, text }, findings);
/** Deliver this text instead. */
export const rewrite = (text, findings = []) => decision("rewrite", { tag: "text", val: text }, findings);
/** Keep it until a moderator decides. */
export const hold = (code, text, findings = []) => decision("hold", { code, text }, findings);
/** Let the sender think that it was sent; deliver it to no one. */
export const discard = (code, text, findings = []) => decision("discard", { code, text }, findings);
/** Refuse it and say why; `canEdit` invites the sender to change it and send again. */
export const reject = (code, text, canEdit, findings = []) => decision("reject", [{ code, text }, canEdit], findings);

/** The text that filters read: the text itself, a file's name, or a custom body's JSON. */
export function textOf(message) {
  const { tag, val } = message.body;
  if (tag === "text") return val;
  return tag === "file" ? val.name : val.json;
}

/** Translates indices into `text` to UTF-8 byte offsets. Ask in ascending order, and each costs only the way from the last. */
export function byteOffsets(text) {
  let index = 0;
  let bytes = 0;
  return (wanted) => {
    if (wanted < index) index = bytes = 0;
    while (index < wanted) {
      const code = text.codePointAt(index);
      index += code > 0xffff ? 2 : 1;
      bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    }
    return bytes;
  };
}
