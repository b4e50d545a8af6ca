"""A WebDAV server: wsgidav on cheroot, on a free port of the loopback interface, over a folder.

Takes the folder as its argument. Prints one line of JSON (`endpoint`, `user`, `password`) once it serves, and ends when its
standard input does.
"""

import json
import logging
import secrets
import sys
import threading

from cheroot import wsgi
from wsgidav.wsgidav_app import WsgiDAVApp

user, password = "backup", secrets.token_urlsafe(16)
app = WsgiDAVApp(
    {
        "provider_mapping": {"/dav": sys.argv[1]},
        "simple_dc": {"user_mapping": {"*": {user: {"password": password}}}},
        "http_authenticator": {"accept_basic": True, "accept_digest": False, "default_to_digest": False},
        "verbose": 0,
        "logging": {"enable": False},
        "lock_storage": True,
        "property_manager": None,
    }
)
logging.disable(logging.WARNING)
server = wsgi.Server(("127.0.0.1", 0), app, numthreads=16)
server.prepare()
threading.Thread(target=server.serve, daemon=True).start()
print(
    json.dumps({"endpoint": f"http://127.0.0.1:{server.bind_addr[1]}/dav", "user": user, "password": password}),
    flush=True,
)
sys.stdin.read()
server.stop()
