"""A web server that answers for SITE_URL, over TLS if it has a certificate."""

import ssl
from email.utils import formatdate
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from types import TracebackType
from typing import Any, Self


class _QuietServer(ThreadingHTTPServer):
    def handle_error(self, _request: Any, _client_address: Any) -> None:
        """Clients that refuse the certificate hang up."""


class SiteServer:
    """`answers` has status and text by path, `date` the time in seconds that it tells, if not the real one."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.answers: dict[str, tuple[int, str]] = {}
        self.date: float | None = None
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, text = site.answers.get(self.path, (404, ""))
                self.send_response_only(status)
                self.send_header("Date", formatdate(site.date, usegmt=True))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_words: Any) -> None:
                pass

        self._server = _QuietServer(("127.0.0.1", 0), Handler)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        scheme = "https" if certificate else "http"
        self.url = f"{scheme}://localhost:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
