"""The plugin: the contract's exports around the provider. `wit/plugin.wit` says what it imports."""

import json

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.exports import push as contract
from wit_world.imports import http, types

import provider

# How long to wait when nobody answers, in milliseconds.
RETRY_MS = 30_000

# Set by `init`, once per instance.
url = None


class Lifecycle(exports.Lifecycle):
    def init(self, config):
        global url
        try:
            url = json.loads(config).get("url")
        except (ValueError, AttributeError) as error:
            raise Err(f"the configuration is not valid: {error}")
        if not isinstance(url, str):
            raise Err("`url` is missing")


class Push(exports.Push):
    def deliver(self, batch):
        # Several at a time: a batch has ten seconds.
        return [outcome(response) for response in http.fetch_all([request(notification) for notification in batch])]


def request(notification):
    address, key = notification.endpoint.address, notification.collapse_key
    body = provider.body(notification.id, address, notification.title, notification.body, notification.badge, key)
    # The host puts the secret in its place: this plugin never sees it.
    headers = [("content-type", "application/json"), ("authorization", "Bearer {{secret:token}}")]
    return http.Request("POST", url, headers, body, 5_000)


def outcome(response):
    if isinstance(response, Err):
        if isinstance(response.value, (http.Error_Timeout, http.Error_Unreachable)):
            return contract.Outcome_Retry(RETRY_MS)
        # A grant that is missing is a person's to mend.
        raise Err(types.Failure_Misconfigured(f"the provider cannot be called: {response.value}"))
    answer = response.value if isinstance(response, Ok) else response
    kind, value = provider.outcome(answer.status, dict(answer.headers), answer.body)
    if kind == "accepted":
        return contract.Outcome_Accepted(value)
    if kind == "retry":
        return contract.Outcome_Retry(value)
    return contract.Outcome_Gone() if kind == "gone" else contract.Outcome_Rejected(value)
