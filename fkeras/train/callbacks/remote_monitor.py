"""`RemoteMonitor`: the logs of each epoch, sent to a server."""

from __future__ import annotations

import http.client
import json
import warnings
from typing import Any
from urllib.parse import urlencode, urlsplit

import numpy as np

from .callback import Callback

SECONDS = 10  # after which a server that does not answer is given up


class RemoteMonitor(Callback):
    """Posts the logs of each epoch, with the `epoch`, to a server; warns if it cannot be reached.

    root, path: the address.
    field: the form field that holds the logs, as JSON.
    headers: more headers of the request.
    send_as_json: the logs are the body of the request, as `application/json`; `field` is not used.
    """

    def __init__(
        self,
        root: str = "http://localhost:9000",
        path: str = "/publish/epoch/end/",
        field: str = "data",
        headers: dict[str, str] | None = None,
        send_as_json: bool = False,
    ):
        super().__init__()
        self.root, self.path, self.field, self.headers, self.send_as_json = root, path, field, headers, send_as_json

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        told = json.dumps({"epoch": epoch, **{k: np.asarray(v).tolist() for k, v in (logs or {}).items()}})
        body = told if self.send_as_json else urlencode({self.field: told})
        kind = "application/json" if self.send_as_json else "application/x-www-form-urlencoded"
        address = urlsplit(("" if "://" in self.root else "http://") + self.root + self.path)
        secure = address.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        try:
            connection = connect(address.hostname or "localhost", address.port, timeout=SECONDS)
            target = f"{address.path or '/'}?{address.query}" if address.query else address.path or "/"
            connection.request("POST", target, body, {"Content-Type": kind, **(self.headers or {})})
            connection.getresponse().read()
            connection.close()
        except (OSError, http.client.HTTPException) as error:
            warnings.warn(f"RemoteMonitor could not reach {self.root}: {error}", stacklevel=2)
