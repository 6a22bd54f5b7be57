"""A receiver of webhooks that checks the signature by its own means (standard library only).

Prints its port, then a JSON line for each call: {path, valid, fresh, id, state}. What it answers depends on the path:
/ok 200, /redirect 302 to /ok, /broken 500, /hang nothing.
"""

import hashlib
import hmac
import json
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = sys.argv[1].encode()
STATUS = {"/ok": 200, "/redirect": 302, "/broken": 500}
TELLING = threading.Lock()


def tell(call):
    with TELLING:
        print(json.dumps(call), flush=True)


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stamp = self.headers["X-Loopscope-Timestamp"]
        wanted = "sha256=" + hmac.new(SECRET, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        job = json.loads(body)
        tell({
            "path": self.path,
            "valid": hmac.compare_digest(wanted, self.headers["X-Loopscope-Signature"]),
            "fresh": abs(time.time() - int(stamp)) < 60,
            "id": job["id"],
            "state": job["state"],
        })
        if self.path == "/hang":
            threading.Event().wait()
        self.send_response(STATUS[self.path])
        if self.path == "/redirect":
            self.send_header("Location", "/ok")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
server.daemon_threads = True
print(server.server_port, flush=True)
server.serve_forever()
