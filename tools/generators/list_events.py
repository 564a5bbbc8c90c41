"""Lists the events with the client of openapi-python-client."""

import os

from eventflow_client import AuthenticatedClient
from eventflow_client.api.events import events_list
from eventflow_client.models import PageEvent

client = AuthenticatedClient(os.environ["EVENTFLOW_URL"], os.environ["EVENTFLOW_SECRET_KEY"])
page = events_list.sync(client=client, limit=10)
if not isinstance(page, PageEvent):
    raise SystemExit(f"no events: {page}")
for event in page.data:
    print(event.name)
