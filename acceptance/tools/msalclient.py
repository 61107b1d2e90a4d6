"""Asks MSAL for tokens of a managed identity again and again, as Azure CLI does, and presents each to its service."""
import os
import time

import msal
import requests

resource, url = os.environ["OTHER_RESOURCE"], os.environ["OTHER_URL"]
# The proxy is for Azure's own hosts; requests goes by NO_PROXY, which azoidc exec sets.
clients = [
    msal.ManagedIdentityClient(identity, http_client=requests.Session())
    for identity in (
        msal.SystemAssignedManagedIdentity(),
        msal.UserAssignedManagedIdentity(client_id=os.environ["AZURE_CLIENT_ID"]),
    )
]
end = time.monotonic() + float(os.environ["JOB_SECONDS"])
while time.monotonic() < end:
    for client in clients:
        answer = client.acquire_token_for_client(resource=resource)
        if "access_token" not in answer:
            raise SystemExit(answer)
        requests.get(url, headers={"Authorization": "Bearer " + answer["access_token"]}, timeout=10).raise_for_status()
    time.sleep(0.5)
