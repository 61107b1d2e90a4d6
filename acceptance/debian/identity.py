"""Asks azure-identity for tokens again and again, and presents each to its service."""
import os
import sys
import time

import azure.identity
import requests

resource, url = os.environ["OTHER_RESOURCE"], os.environ["OTHER_URL"]
credential = getattr(azure.identity, sys.argv[1])()
end = time.monotonic() + float(os.environ["JOB_SECONDS"])
while time.monotonic() < end:
    token = credential.get_token(resource + "/.default")
    # The credential keeps a token to its very end, where it may be over before the service reads it.
    if token.expires_on - time.time() > 0.5:
        requests.get(url, headers={"Authorization": "Bearer " + token.token}, timeout=10).raise_for_status()
    time.sleep(0.5)
