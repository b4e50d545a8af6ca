"""PyPI aioapns against the stand-in. Arguments: what the stand-in said of itself, and the files of the signing key
and of the certificate."""

import asyncio
import json
import logging
import ssl
import sys

import aioapns.connection
from aioapns import APNs, NotificationRequest, PushType

logging.disable(logging.CRITICAL)
about = json.loads(sys.argv[1])
for one in vars(aioapns.connection).values():
    # It knows Apple's addresses only.
    if isinstance(one, type) and hasattr(one, "APNS_PORT"):
        one.APNS_SERVER, one.APNS_PORT = "localhost", about["port"]


async def send(device, key_id):
    trusting = ssl.create_default_context(cafile=sys.argv[3])
    trusting.set_alpn_protocols(["h2"])
    with open(sys.argv[2]) as file:
        key = file.read()
    client = APNs(key=key, key_id=key_id, team_id=about["team"], topic=about["topic"], ssl_context=trusting)
    message = {"aps": {"alert": "你好，世界 🎉"}}
    request = NotificationRequest(device_token=device, message=message, push_type=PushType.ALERT, time_to_live=60)
    result = await asyncio.wait_for(client.send_notification(request), 20)
    return result.status, result.description


async def main():
    assert await send("b" * 64, about["key"]) == ("200", None)
    status, reason = await send("dead" + "0" * 60, about["key"])
    assert (status, reason) == ("410", "Unregistered"), (status, reason)
    status, reason = await send("b" * 64, "ZZZ1234567")
    assert (status, reason) == ("403", "InvalidProviderToken"), (status, reason)


asyncio.run(main())
