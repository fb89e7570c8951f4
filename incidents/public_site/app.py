"""PublicSite: the published documents in front of Django, as a WSGI application (PEP 3333).

Requests of readers are answered from the public store alone. The modules of this
package import no model and open no connection, so the page is available while the
database, the queue and Django itself are down. Any other address is passed to Django.
"""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from ..metrics.requests import RequestCounts, class_of_request
from .bodies import Bodies
from .conditional import has_current_copy
from .dynamic import Dynamic
from .fallback import NOT_ALLOWED, Fallback
from .files import Files, HeaderList, Published
from .headers import CACHE_DOCUMENT, PREFLIGHT, is_for_other_origins, security_headers
from .metrics import PATH as METRICS
from .metrics import Metrics
from .negotiation import IDENTITY, encoding, language, language_of_query
from .probes import Probes
from .slots import Slots
from .threads import DEFAULT_THREADS, Threads

OK, UNCHANGED = "200 OK", "304 Not Modified"
NO_CONTENT, MOVED = "204 No Content", "301 Moved Permanently"
READ_API = "/api/v2/"
LOG_IN_PATIENCE = 10.0  # seconds that checking one password may take


class PublicSite:
    """Serves documents from `public_root`, static files from `static_root`, and everything else from `django`.

    `threads` limits how many requests `django` handles, how many bodies are read and how
    many requests wait for either; of these, half may be of one `network`. Forms sent to
    `log_in_path` have threads of their own. With a `metrics_token`, those who send it can read `/metrics`.
    """

    def __init__(
        self,
        django: WSGIApplication,
        *,
        public_root: Path,
        static_root: Path,
        languages: Sequence[str],
        default_language: str,
        https: bool,
        catalogues: Path | None = None,
        threads: Threads = DEFAULT_THREADS,
        body_timeout: float = 10,
        network: Callable[[WSGIEnvironment], str] = lambda environ: str(environ.get("REMOTE_ADDR", "")),
        is_from_proxy: Callable[[WSGIEnvironment], bool] = lambda _environ: False,
        log_in_path: str = "",
        version: str = "",
        metrics_token: str = "",
        show_errors: bool = False,
    ) -> None:
        self._languages, self._default_language, self._https = tuple(languages), default_language, https
        self._files = Files(public_root, static_root, self._languages, default_language, https=https)
        self._fallback = Fallback(self._languages, default_language, catalogues, https=https)
        self._probes = Probes(self._files, version, https=https)
        self._counts = RequestCounts()
        self._metrics = metrics_token and Metrics(
            metrics_token,
            django,
            self._counts,
            version=version,
            pages_up=lambda: not self._probes.languages_without_page(),
            https=https,
        )
        bodies = Bodies(threads.bodies, threads.waiting_bodies, deadline=body_timeout)
        slots = Slots(threads.django, threads.waiting, max(1, threads.waiting // 2), is_starting=True)
        self._dynamic = Dynamic(
            django,
            self._fallback,
            bodies,
            slots,
            log_ins=_log_ins(threads),
            is_log_in=lambda environ: environ["REQUEST_METHOD"] == "POST" and environ.get("PATH_INFO") == log_in_path,
            network=network,
            is_from_proxy=is_from_proxy,
            show_errors=show_errors,
        )

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        begun = perf_counter()
        path = environ.get("PATH_INFO") or "/"
        if path == "/":
            published = self._home(environ)
        else:
            query = environ.get("QUERY_STRING")
            published = self._files.find(self._in_language(path, query) if query else path)
        if published is None:
            return self._count_unpublished(path, environ, start_response, begun)
        method = environ["REQUEST_METHOD"]
        if method in {"GET", "HEAD"}:
            status, body = self._send(published, environ, start_response, with_body=method == "GET")
        elif method == "OPTIONS" and is_for_other_origins(path):
            status, body = NO_CONTENT, []
            start_response(NO_CONTENT, [*PREFLIGHT, *security_headers(path, https=self._https)])
        else:
            status, body = NOT_ALLOWED, self._fallback.method_not_allowed(environ, start_response)
        self._counts.add(published.kind, status, perf_counter() - begun)
        return body

    def _count_unpublished(
        self, path: str, environ: WSGIEnvironment, start_response: StartResponse, begun: float
    ) -> Iterable[bytes]:
        statuses = []

        def start(status: str, headers: HeaderList, *more: Any) -> Callable[[bytes], object]:
            statuses.append(status)
            return start_response(status, headers, *more)

        try:
            return self._unpublished(path, environ, start)
        finally:
            self._counts.add(class_of_request(path), statuses[-1] if statuses else "500", perf_counter() - begun)

    def _home(self, environ: WSGIEnvironment) -> Published | None:
        # Return the home page in the reader's language, which `/` serves.
        wanted = language(environ.get("HTTP_ACCEPT_LANGUAGE", ""), self._languages, self._default_language)
        return self._files.find(wanted) or self._files.find(self._default_language)

    def _in_language(self, path: str, query: str) -> str:
        # Widgets replace the path of the page and keep its query, so a language can only be in the latter.
        named = language_of_query(query, self._languages) if path.startswith(READ_API) else ""
        return f"/{named}{path}" if named else path

    @staticmethod
    def _send(
        published: Published, environ: WSGIEnvironment, start_response: StartResponse, *, with_body: bool
    ) -> tuple[str, list[bytes]]:
        # Return the status and the body.
        accepted = environ.get("HTTP_ACCEPT_ENCODING")
        answer = published.answers[encoding(accepted, published.codings) if accepted else IDENTITY]
        none_match, since = environ.get("HTTP_IF_NONE_MATCH"), environ.get("HTTP_IF_MODIFIED_SINCE")
        if (none_match or since) and has_current_copy(none_match, since, answer.etag, published.modified):
            start_response(UNCHANGED, answer.unchanged)
            return UNCHANGED, []
        start_response(OK, answer.headers)
        return OK, answer.body if with_body else []

    def _unpublished(self, path: str, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        is_read = environ["REQUEST_METHOD"] in {"GET", "HEAD"}
        if self._probes.are_asked(environ):
            answer = self._probes if is_read else self._fallback.method_not_allowed
            return answer(environ, start_response)
        if self._metrics and path == METRICS:
            respond = self._metrics if is_read else self._fallback.method_not_allowed
            return respond(environ, start_response)
        if is_read and self._files.has_folder(path):
            return self._redirect_to_slash(path, environ.get("QUERY_STRING", ""), start_response)
        return self._dynamic(environ, start_response)

    def _redirect_to_slash(self, path: str, query: str, start_response: StartResponse) -> list[bytes]:
        location = f"{path}/?{query}" if query else f"{path}/"
        headers = [("Location", location), ("Cache-Control", CACHE_DOCUMENT)]
        return self._empty_response(MOVED, path, headers, start_response)

    def _empty_response(
        self, status: str, path: str, headers: HeaderList, start_response: StartResponse
    ) -> list[bytes]:
        # Send headers without a body; WSGI requires a Content-Type all the same.
        empty = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", "0")]
        start_response(status, [*headers, *empty, *security_headers(path, https=self._https)])
        return []


def _log_ins(threads: Threads) -> Slots:
    share = max(1, threads.waiting_log_ins // 2)
    return Slots(threads.log_ins, threads.waiting_log_ins, share, patience=LOG_IN_PATIENCE, is_starting=True)
