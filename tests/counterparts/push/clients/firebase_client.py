"""Google's firebase-admin against the stand-in. Argument: what the stand-in said of itself."""

import json
import sys

import firebase_admin
from firebase_admin import credentials, exceptions, messaging

about = json.loads(sys.argv[1])
# It knows Google's address only.
service = messaging._MessagingService
service.FCM_URL = service.FCM_URL.replace("https://fcm.googleapis.com", about["base"])


def send(app, device):
    notification = messaging.Notification("张三", "你好，世界 🎉")
    return messaging.send(messaging.Message(notification=notification, token=device), app=app)


def fails(kind, app, device):
    try:
        send(app, device)
    except kind as error:
        return error
    raise AssertionError(f"{device} was taken")


app = firebase_admin.initialize_app(credentials.Certificate(about["account"]))
assert send(app, "good").startswith("projects/chat/messages/")
fails(messaging.UnregisteredError, app, "gone")
fails(messaging.SenderIdMismatchError, app, "foreign")
fails(exceptions.InvalidArgumentError, app, "bad")
other = {**about["account"], "client_email": "nobody@chat.iam.gserviceaccount.com"}
stranger = firebase_admin.initialize_app(credentials.Certificate(other), name="stranger")
assert "invalid_grant" in str(fails(Exception, stranger, "good"))
