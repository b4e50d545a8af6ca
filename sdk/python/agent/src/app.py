"""The plugin: the contract's exports around the agent. `wit/plugin.wit` says what it imports."""

from componentize_py_types import Err, Ok
from wit_world import exports
from wit_world.imports import models, types

import prompt

# Messages of the conversation that the model is given.
HISTORY = 20
# How long to wait unless the model says, in milliseconds.
RETRY_MS = 5_000

# Made by `init`, once per instance.
settings = None


class Lifecycle(exports.Lifecycle):
    def init(self, config):
        global settings
        try:
            settings = prompt.Settings(config)
        except ValueError as error:
            raise Err(str(error))


class Agent(exports.Agent):
    def reply(self, trigger, turn):
        question = text_of(trigger)
        passages = turn.search(question, settings.passages)
        if not passages:
            turn.hand_off("The knowledge base has nothing about this.")
            return
        lines = [line(models.Speaker.SYSTEM, prompt.instructions(settings, passages))]
        for message in turn.history(HISTORY):
            own = message.sender.role == types.Role.AGENT
            lines.append(line(models.Speaker.ASSISTANT if own else models.Speaker.USER, text_of(message)))
        lines.append(line(models.Speaker.USER, question))
        try:
            completion = models.complete(settings.model, models.Prompt(lines, [], None, None))
        except Err as error:
            raise failure(error.value)
        # Leaving drops the completion, which cancels it.
        with completion:
            while (part := completion.next()) is not None:
                if isinstance(part, Err):
                    raise failure(part.value)
                part = part.value if isinstance(part, Ok) else part
                if not isinstance(part, models.Part_Text):
                    continue
                try:
                    turn.say(part.value)
                except Err:
                    # Whoever stops a reply as it grows has the last word.
                    return


def line(speaker, text):
    return models.Line(speaker, text, [], None)


def text_of(message):
    """The text of a message: the text itself, a file's name, or a custom body's JSON."""
    body = message.body
    if isinstance(body, types.Body_Text):
        return body.value
    return body.value.name if isinstance(body, types.Body_File) else body.value.json


def failure(error):
    """What passes by itself is tried again, and the rest is a person's to mend."""
    if isinstance(error, models.Error_Unavailable):
        return Err(types.Failure_Unavailable(error.value or RETRY_MS))
    if isinstance(error, models.Error_OverBudget):
        return Err(types.Failure_Unsupported("the budget for models is spent"))
    if isinstance(error, models.Error_Denied):
        return Err(types.Failure_Misconfigured(error.value))
    return Err(types.Failure_Unsupported(error.value))
