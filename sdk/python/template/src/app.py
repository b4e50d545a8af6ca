"""The plugin: the contract's exports around the filter. `wit/plugin.wit` says what it imports."""

import json

from componentize_py_types import Err
from wit_world import exports
from wit_world.imports import log

import warbler
from words import Words

# Made by `init`, once per instance.
words = None
action = "warn"


class Lifecycle(exports.Lifecycle):
    def init(self, config):
        global words, action
        try:
            settings = json.loads(config)
            words = Words(settings)
            action = settings.get("action", "warn")
        except (ValueError, TypeError, AttributeError) as error:
            raise Err(f"the configuration is not valid: {error}")
        log.write(log.Level.INFO, "ready")


class ContentFilter(exports.ContentFilter):
    def check(self, message):
        text = warbler.text_of(message)
        findings = [warbler.finding(text, start, end, "listed-word", word) for start, end, word in words.find(text)]
        if not findings:
            return warbler.pass_()
        reason = ("listed-word", "This message contains a listed word.")
        if action == "hold":
            return warbler.hold(*reason, findings)
        if action == "reject":
            return warbler.reject(*reason, True, findings)
        return warbler.warn(*reason, findings)
