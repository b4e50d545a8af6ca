"""The vendor's client for Python (PyPI jpush) against the stand-in. Argument: what the stand-in said of itself."""

import json
import logging
import sys

import jpush
from jpush import common

logging.disable(logging.CRITICAL)
about = json.loads(sys.argv[1])
# It knows the vendor's address only.
common.ZONES["DEFAULT"]["PUSH"] = about["base"] + "/v3/"


def send(device, secret=about["secret"]):
    push = jpush.JPush(about["key"], secret).create_push()
    push.audience = jpush.audience(jpush.registration_id(device))
    push.notification = jpush.notification(alert="你好，世界 🎉", android=jpush.android(alert="你好", title="张三"))
    push.platform = jpush.all_
    return push.send()


def fails(kind, device, **more):
    try:
        send(device, **more)
    except kind as error:
        return error
    raise AssertionError(f"{device} was taken")


sent = send("good")
assert sent.status_code == 200 and sent.payload["msg_id"].isdigit(), sent.payload
assert fails(common.JPushFailure, "dead").error_code == 1011
assert fails(common.JPushFailure, "busy").error_code == 2002
fails(common.Unauthorized, "good", secret="000000000000000000000000")
