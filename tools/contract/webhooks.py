"""A real webhook, verified with the official package of Standard Webhooks for Python.

Makes an endpoint that is this script, has a venue made, and holds what comes against the endpoint's secret; a message
that was changed on its way must not pass.
"""

import http.server
import os
import queue

import requests
from standardwebhooks import Webhook, WebhookVerificationError

API = os.environ["EVENTFLOW_URL"] + "/v1"
HEADERS = {"Authorization": "Bearer " + os.environ["EVENTFLOW_SECRET_KEY"]}
# The sender looks for news twice a second; a busy machine takes longer.
PATIENCE_SECS = 30
received = queue.Queue()


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        received.put((dict(self.headers), body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_):
        pass


def post(path, body):
    answer = requests.post(API + path, json=body, headers=HEADERS, timeout=10)
    answer.raise_for_status()
    return answer.json()


server = http.server.HTTPServer(("127.0.0.1", 0), Receiver)
server.timeout = PATIENCE_SECS
url = f"http://127.0.0.1:{server.server_port}/"
made = post("/webhook-endpoints", {"url": url, "event_types": ["venue.created"], "payload": "fat"})
venue = post("/venues", {"name": "Webhook hall", "time_zone": "Europe/Berlin"})
server.handle_request()
headers, body = received.get_nowait()
webhook = Webhook(made["secret"])
event = webhook.verify(body, headers)
assert event["type"] == "venue.created", event
assert event["data"]["object"] == venue, event
try:
    webhook.verify(body.replace(b"Webhook hall", b"Another hall"), headers)
    raise SystemExit("a message that was changed is taken for ours")
except WebhookVerificationError:
    pass
requests.delete(f"{API}/webhook-endpoints/{made['webhook_endpoint']['id']}", headers=HEADERS, timeout=10).raise_for_status()
print(f"{headers['webhook-id']}: verified by standardwebhooks")
