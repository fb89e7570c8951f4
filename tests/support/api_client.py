"""A program that calls the API, as clients of Statuspage do."""

import json
from dataclasses import dataclass
from typing import Any

from django.test import Client


@dataclass
class ApiClient:
    client: Client
    secret: str
    page: str

    def send(self, method: str, address: str, body: Any = None, **headers: str) -> Any:
        """Send JSON to an address below the page's."""
        return self.request(method, f"/api/v1/pages/{self.page}{address}", body, **headers)

    def request(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        given = {"Authorization": f"OAuth {self.secret}", "Accept-Language": "en", **headers}
        data = "" if body is None else json.dumps(body)
        return self.client.generic(method, path, data, content_type="application/json", headers=given)

    def get(self, address: str) -> Any:
        return self.send("GET", address)

    def post(self, address: str, body: Any, **headers: str) -> Any:
        return self.send("POST", address, body, **headers)

    def patch(self, address: str, body: Any, **headers: str) -> Any:
        return self.send("PATCH", address, body, **headers)
