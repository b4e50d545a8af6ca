// The logic, apart from the contract, so that Node can test it: requests from notifications, outcomes from responses.

const RETRY_MS = 30_000;

/** The request that hands one notification to the provider. */
export function requestFor(url, notification) {
  const { endpoint, title, body, badge } = notification;
  const message = {
    // The same whenever the same notification comes again, so that the provider can tell.
    id: notification.id,
    to: parsed(endpoint.address),
    title,
    body,
    badge,
    collapse: notification.collapseKey ?? null,
  };
  return {
    method: "POST",
    url,
    // The host puts the secret in its place: this plugin never sees it.
    headers: [["content-type", "application/json"], ["authorization", "Bearer {{secret:token}}"]],
    body: utf8(JSON.stringify(message)),
    timeoutMs: 5_000,
  };
}

/** What the provider's answer says of its notification. */
export function outcomeOf({ status, headers, body }) {
  const header = (name) => headers.find(([known]) => known.toLowerCase() === name)?.[1];
  if (status >= 200 && status < 300) return { tag: "accepted", val: header("x-message-id") ?? null };
  if (status === 404 || status === 410) return { tag: "gone" };
  if (status === 408 || status === 429 || status >= 500) {
    const seconds = Number.parseInt(header("retry-after") ?? "", 10);
    return { tag: "retry", val: seconds >= 0 ? seconds * 1_000 : RETRY_MS };
  }
  return { tag: "rejected", val: `${status}: ${String.fromCharCode(...body.slice(0, 500))}` };
}

function parsed(json) {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

/** The engine has no TextEncoder: `encodeURIComponent` knows UTF-8. */
export function utf8(text) {
  const escaped = encodeURIComponent(text).replace(/%([0-9A-F]{2})/g, (_, hex) => String.fromCharCode(Number.parseInt(hex, 16)));
  return Uint8Array.from(escaped, (character) => character.charCodeAt(0));
}
