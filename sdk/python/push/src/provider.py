"""The logic, apart from the contract, so that any Python can test it."""

import json

RETRY_MS = 30_000


def body(identifier, address, title, text, badge, collapse_key):
    """The JSON that hands one notification to the provider. The identifier is the same whenever it comes again."""
    message = {"id": identifier, "to": json.loads(address), "title": title, "body": text}
    return json.dumps(message | {"badge": badge, "collapse": collapse_key}).encode()


def outcome(status, headers, answer):
    """What the provider's answer says of its notification, with lower-case names of headers."""
    if 200 <= status < 300:
        return "accepted", headers.get("x-message-id")
    if status in (404, 410):
        return "gone", None
    if status in (408, 429) or status >= 500:
        seconds = headers.get("retry-after", "")
        return "retry", int(seconds) * 1_000 if seconds.isdigit() else RETRY_MS
    return "rejected", f"{status}: {answer[:500].decode(errors='replace')}"
