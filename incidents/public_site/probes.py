"""The probes that the web server's process answers by itself, whatever else is down: `/healthz` and `/readyz`.

`/readyz?deep=1` asks the other parts as well; Django answers it (`statuspage/probes.py`).
"""

import json
from wsgiref.types import StartResponse, WSGIEnvironment

from .files import Files
from .headers import CACHE_NEVER, security_headers

HEALTH, READINESS = "/healthz", "/readyz"


class Probes:
    """Answers GET and HEAD. `files` has the published pages; `version` is that of the running code."""

    def __init__(self, files: Files, version: str, *, https: bool) -> None:
        self._files, self._version, self._https = files, version, https

    @staticmethod
    def are_asked(environ: WSGIEnvironment) -> bool:
        path = environ.get("PATH_INFO")
        return path == HEALTH or (path == READINESS and "deep=1" not in environ.get("QUERY_STRING", "").split("&"))

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        if environ["PATH_INFO"] == HEALTH:
            status, kind, text = "200 OK", "text/plain; charset=utf-8", f"ok\nversion {self._version}\n"
        else:
            status, text = self._readiness()
            kind = "application/json"
        body = text.encode()
        headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Cache-Control", CACHE_NEVER)]
        start_response(status, [*headers, *security_headers(environ["PATH_INFO"], https=self._https)])
        return [body] if environ["REQUEST_METHOD"] == "GET" else []

    def languages_without_page(self) -> list[str]:
        """Return the languages whose home page cannot be served."""
        return [code for code in self._files.languages if self._files.find(code) is None]

    def _readiness(self) -> tuple[str, str]:
        # Pages can be served if the public store can be read and has a home page in each language.
        missing = self.languages_without_page()
        result = f"no home page: {', '.join(missing)}" if missing else "ok"
        body = json.dumps({"ready": not missing, "checks": {"pages": result}})
        return "503 Service Unavailable" if missing else "200 OK", f"{body}\n"
