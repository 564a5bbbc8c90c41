"""A sandbox to test against: the one given by its URL, or one that is started for the test."""

import json
import os
import re
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = os.environ.get("STRIPE_SECRET_KEY", "sk_test_sandbox")
PATIENCE_SECS = 20


class Sandbox:
    def __init__(self, *options):
        self.process = None
        if len(sys.argv) > 1:
            self.url = sys.argv[1]
            return
        program = os.environ.get("STRIPE_SANDBOX_PROGRAM")
        if not program:
            sys.exit("give a base URL, or set STRIPE_SANDBOX_PROGRAM to the sandbox's program")
        command = [program, "--port", "0", "--secret-key", KEY, *options]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        line = re.search(r"listens on (\S+)", self.process.stdout.readline())
        if not line:
            sys.exit("the sandbox did not start")
        self.url = line[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process:
            self.process.terminate()
            self.process.wait()

    def call(self, method, path, body=None, headers=None):
        """Status and JSON of any call; `body` is bytes, or anything else as JSON."""
        headers = {"Authorization": f"Bearer {KEY}", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            headers["Content-Type"] = "application/json"
            body = json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=body, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_SECS) as response:
                return response.status, json.load(response)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def control(self, path, body):
        status, answer = self.call("POST", f"/_sandbox/{path}", body)
        assert status == 200, answer
        return answer


class Receiver:
    """Keeps every webhook: signature and raw body."""

    def __init__(self):
        self.received = []
        self.arrived = threading.Condition()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                with receiver.arrived:
                    receiver.received.append((self.headers["stripe-signature"], body))
                    receiver.arrived.notify_all()
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def wait(self, wanted):
        """The first webhook for which `wanted(signature, body)` gives something."""

        def found():
            return next((hit for one in self.received if (hit := wanted(*one))), None)

        with self.arrived:
            hit = self.arrived.wait_for(found, PATIENCE_SECS)
        assert hit, "the webhook did not arrive"
        return hit
