"""A mail server: aiosmtpd on a free port of the loopback interface, with the letters that it took to be read over HTTP.

Takes JSON as its argument: `port` (0), `certificate` and `key` (files, for STARTTLS, which it then insists on), `implicit` (TLS
from the first byte), `user` and `password`. Prints one line of JSON (`port`, `control`) once it serves, and ends when its standard
input does.

`PUT control/rules` says what it replies: `{"rcpt": {"somebody@example.com": REPLY}, "mail": REPLY, "data": REPLY}`, where REPLY is
a text, always, or a list of texts, one after the other and then none; `stall` keeps it silent. `GET control/letters?count=N` waits
until it took so many letters, and gives them as Python's own parser reads them, with the numbers of the connections.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlparse

from aiosmtpd.smtp import SMTP, AuthResult

options = json.loads(sys.argv[1])
letters, rules, changed, connections = [], {}, threading.Condition(), [0]


def reply(rule):
    """The next reply of a rule, and the rule that is left."""
    if isinstance(rule, list):
        return (rule[0], rule[1:]) if rule else (None, rule)
    return rule, rule


async def said(field, key=None):
    with changed:
        table = rules if key is None else rules.setdefault(field, {})
        name = field if key is None else key
        answer, table[name] = reply(table.get(name))
    if answer == "stall":
        await asyncio.sleep(3600)
    return answer


class Handler:
    async def handle_MAIL(self, server, session, envelope, address, mail_options):
        answer = await said("mail")
        if answer:
            return answer
        envelope.mail_from, envelope.mail_options = address, mail_options
        return "250 2.1.0 ok"

    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        answer = await said("rcpt", address)
        if answer:
            return answer
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, server, session, envelope):
        answer = await said("data")
        if answer:
            return answer
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        html = message.get_body(("html",))
        letter = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "subject": str(message["subject"]),
            "headers": {name.lower(): str(value) for name, value in message.items()},
            "text": message.get_body(("plain",)).get_content(),
            "html": html and html.get_content(),
            "ascii": envelope.content.isascii(),
            "encrypted": server.transport.get_extra_info("sslcontext") is not None,
            "authenticated": bool(session.authenticated),
            "connection": server.number,
            "defects": [str(defect) for part in message.walk() for defect in part.defects],
        }
        with changed:
            letters.append(letter)
            changed.notify_all()
        return f"250 2.0.0 queued as {len(letters)}"


class Control(BaseHTTPRequestHandler):
    def answer(self, value):
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        count = int(parse_qs(urlparse(self.path).query).get("count", ["0"])[0])
        with changed:
            changed.wait_for(lambda: len(letters) >= count, timeout=90)
            self.answer(letters)

    def do_PUT(self):
        new = json.loads(self.rfile.read(int(self.headers["content-length"])))
        with changed:
            rules.clear()
            rules.update(new)
        self.answer({})

    def log_message(self, *arguments):
        pass


class Server(SMTP):
    def connection_made(self, transport):
        # Called again once the connection is encrypted.
        if not hasattr(self, "number"):
            connections[0] += 1
            self.number = connections[0]
        super().connection_made(transport)


def authenticate(server, session, envelope, mechanism, data):
    right = (data.login.decode(), data.password.decode()) == (options["user"], options["password"])
    return AuthResult(success=right, handled=False)


async def main():
    loop, context = asyncio.get_running_loop(), None
    if "certificate" in options:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(options["certificate"], options["key"])
    starttls = context if not options.get("implicit") else None
    handler = Handler()

    def serve():
        return Server(
            handler,
            hostname="mail.test",
            enable_SMTPUTF8=options.get("utf8", False),
            tls_context=starttls,
            require_starttls=starttls is not None,
            auth_required="user" in options,
            auth_require_tls=starttls is not None,
            authenticator=authenticate,
            loop=loop,
        )

    server = await loop.create_server(
        serve, "127.0.0.1", options.get("port", 0), ssl=context if options.get("implicit") else None
    )
    control = ThreadingHTTPServer(("127.0.0.1", 0), Control)
    threading.Thread(target=control.serve_forever, daemon=True).start()
    port = server.sockets[0].getsockname()[1]
    print(json.dumps({"port": port, "control": f"http://127.0.0.1:{control.server_port}"}), flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


asyncio.run(main())
