"""Drives a SCIM server with scim2-tester, a client and compliance suite that is not ours.

It is told the connection's address, and finds the token in the environment: command
lines are for everybody to see. It ends with 1 when any check is not content.
"""

import collections
import os
import sys

import httpx2
from scim2_client.engines.httpx2 import SyncSCIMClient
from scim2_tester import Status, check_server

client = SyncSCIMClient(httpx2.Client(base_url=sys.argv[1], headers={"Authorization": "Bearer " + os.environ["SCIM_TOKEN"]}))
client.discover()
results = check_server(client)
for r in results:
    if r.status != Status.SUCCESS:
        print(r.status.name, r.title, r.resource_type or "", r.reason or "")
print(dict(collections.Counter(r.status.name for r in results)))
sys.exit(0 if results and all(r.status == Status.SUCCESS for r in results) else 1)
