"""The logic, apart from the contract, so that any Python can test it: settings, and what the model is told."""

import json

INSTRUCTIONS = "Answer in one or two sentences, from the passages alone."


class Settings:
    """The tenant's configuration; `manifest.json` has its schema. `ValueError` says what is wrong with it."""

    def __init__(self, config):
        try:
            fields = json.loads(config)
        except ValueError as error:
            raise ValueError(f"the configuration is not valid: {error}")
        if not isinstance(fields, dict):
            raise ValueError("the configuration is no object")
        self.model = fields.get("model", "default")
        self.instructions = fields.get("instructions", INSTRUCTIONS)
        self.passages = fields.get("passages", 5)
        if not isinstance(self.model, str) or not self.model.strip():
            raise ValueError("`model` is empty")
        if not isinstance(self.instructions, str) or not isinstance(self.passages, int):
            raise ValueError("`instructions` or `passages` is of another type")


def instructions(settings, passages):
    """What the model is told before the conversation: its task, and what the knowledge base has."""
    found = (f"\n\nFrom {passage.source}:\n{passage.text}" for passage in passages)
    return settings.instructions + "".join(found)
