"""The Warbler kit for Python: decisions, and offsets as the contract counts them."""

from wit_world.exports import content_filter as contract
from wit_world.imports import types


def pass_():
    """Nothing to say against it."""
    return contract.Decision(contract.Verdict_Pass(), [])


def flag(findings):
    """Deliver, and record the findings."""
    return contract.Decision(contract.Verdict_Flag(), findings)


def warn(code, text, findings=()):
    """Deliver with a caution that receivers see."""
    return contract.Decision(contract.Verdict_Warn(contract.Reason(code, text)), list(findings))


def rewrite(text, findings=()):
    """Deliver this text instead."""
    return contract.Decision(contract.Verdict_Rewrite(types.Body_Text(text)), list(findings))


def hold(code, text, findings=()):
    """Keep it until a moderator decides."""
    return contract.Decision(contract.Verdict_Hold(contract.Reason(code, text)), list(findings))


def discard(code, text, findings=()):
    """Let the sender think that it was sent; deliver it to no one."""
    return contract.Decision(contract.Verdict_Discard(contract.Reason(code, text)), list(findings))


def reject(code, text, can_edit, findings=()):
    """Refuse it and say why; `can_edit` invites the sender to change it and send again."""
    return contract.Decision(contract.Verdict_Reject((contract.Reason(code, text), can_edit)), list(findings))


def finding(text, start, end, label, rule, score=1.0):
    """A finding at the characters from `start` to `end` of `text`, whose offsets are bytes."""
    first = len(text[:start].encode())
    return contract.Finding(label, rule, first, first + len(text[start:end].encode()), score)


def text_of(message):
    """The text that filters read: the text itself, a file's name, or a custom body's JSON."""
    body = message.body
    if isinstance(body, types.Body_Text):
        return body.value
    return body.value.name if isinstance(body, types.Body_File) else body.value.json
