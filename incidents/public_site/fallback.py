"""The response of dynamic addresses while Django is down: try again later, with a link to the published page."""

import gettext
import json
import re
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from wsgiref.types import StartResponse, WSGIEnvironment

from .headers import CACHE_NEVER, READ, READ_BY_SCRIPTS, is_for_other_origins, security_headers
from .limits import BAD_REQUEST, BODY_TOO_LARGE, HEADERS_TOO_LARGE, TARGET_TOO_LONG, TIMED_OUT
from .negotiation import language


def _(text: str) -> str:
    # Mark a string for translation.
    return text


NOT_ALLOWED = "405 Method Not Allowed"
UNAVAILABLE = "503 Service Unavailable"
RETRY_AFTER = 30  # seconds

_PAGE = """\
<!doctype html>
<html lang="{language}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>{title}</title>
</head>
<body>
<main>
<h1>{title}</h1>
<p>{reason}</p>
<p>{advice}</p>
<p><a href="{address}">{link}</a></p>
</main>
</body>
</html>
"""
_SEARCH = re.compile(r"/[a-z-]+/search/?")
_REFUSAL_PAGE = _PAGE.replace("<p>{advice}</p>\n", "")
_UNREADABLE = (
    _("This request cannot be read"),
    _("Its address, or something that your browser sent with it, is malformed or too long. Nothing was changed."),
)
REFUSALS = {
    NOT_ALLOWED: (
        _("This address cannot be used like this"),
        _("This page can only be read. Nothing was changed."),
    ),
    BAD_REQUEST: _UNREADABLE,
    TARGET_TOO_LONG: _UNREADABLE,
    HEADERS_TOO_LARGE: _UNREADABLE,
    TIMED_OUT: (
        _("The form did not arrive in time"),
        _("The connection was too slow. Nothing was changed. Please send the form again."),
    ),
    BODY_TOO_LARGE: (
        _("The form is too large"),
        _("It contains more than can be sent at once. Nothing was changed."),
    ),
}


class Fallback:
    """A plain 503 in the reader's language: HTML, or a problem document (RFC 9457) under `/api/`.

    Translations are read from `catalogues` without Django, which may fail to load;
    without catalogues the text is English.
    """

    def __init__(
        self, languages: tuple[str, ...], default_language: str, catalogues: Path | None, *, https: bool
    ) -> None:
        self._languages, self._default_language, self._https = languages, default_language, https
        self._gettext = {code: _translator(code, catalogues) for code in languages}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        path = environ.get("PATH_INFO") or "/"
        code = self._language(path, environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        kind, text = self._problem(code) if path.startswith("/api/") else self._page(code, path)
        body = text.encode()
        headers = [("Content-Type", kind), ("Content-Length", str(len(body))), ("Content-Language", code)]
        headers += [("Retry-After", str(RETRY_AFTER)), ("Cache-Control", CACHE_NEVER)]
        start_response(UNAVAILABLE, [*headers, *security_headers(path, https=self._https)])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [body]

    def method_not_allowed(self, environ: WSGIEnvironment, start_response: StartResponse) -> list[bytes]:
        """Respond with 405 to a method that a published address does not have (RFC 9110 §15.5.6)."""
        allowed = READ_BY_SCRIPTS if is_for_other_origins(environ.get("PATH_INFO", "")) else READ
        return self.refuse(NOT_ALLOWED, environ, start_response, [("Allow", allowed)])

    def refuse(
        self,
        status: str,
        environ: WSGIEnvironment,
        start_response: StartResponse,
        extra: Iterable[tuple[str, str]] = (),
    ) -> list[bytes]:
        """Respond with a plain page that explains one of `REFUSALS`."""
        path = environ.get("PATH_INFO") or "/"
        code = self._language(path, environ.get("HTTP_ACCEPT_LANGUAGE", ""))
        translated = self._gettext[code]
        title, reason = REFUSALS[status]
        page = _REFUSAL_PAGE.format(
            language=escape(code),
            title=escape(translated(title)),
            reason=escape(translated(reason)),
            address=f"/{escape(code)}/",
            link=escape(translated("Go to the status page")),
        ).encode()
        headers = [*extra, ("Content-Type", "text/html; charset=utf-8")]
        headers += [("Content-Length", str(len(page))), ("Content-Language", code), ("Cache-Control", CACHE_NEVER)]
        start_response(status, [*headers, *security_headers(path, https=self._https)])
        return [] if environ["REQUEST_METHOD"] == "HEAD" else [page]

    def _language(self, path: str, accept_language: str) -> str:
        first = path.split("/", 2)[1] if path.startswith("/") else ""
        return first if first in self._languages else language(accept_language, self._languages, self._default_language)

    def _page(self, code: str, path: str) -> tuple[str, str]:
        _ = self._gettext[code]
        address, link = f"/{code}/", _("Go to the status page")
        if _SEARCH.fullmatch(path):  # the history has everything that can be searched
            address, link = f"/{code}/history/", _("All incidents, month by month")
        page = _PAGE.format(
            language=escape(code),
            title=escape(_("Not available right now")),
            reason=escape(_("This page cannot be shown at the moment. The status page itself is available as usual.")),
            advice=escape(_("Try again in a few minutes. If you were sending a form, please send it again.")),
            address=escape(address),
            link=escape(link),
        )
        return "text/html; charset=utf-8", page

    def _problem(self, code: str) -> tuple[str, str]:
        _ = self._gettext[code]
        problem = {"type": "about:blank", "title": _("Not available right now"), "status": 503}
        return "application/problem+json", json.dumps(problem, ensure_ascii=False)


def _translator(code: str, catalogues: Path | None) -> Callable[[str], str]:
    folder = code.replace("-", "_")
    return gettext.translation("django", catalogues, [folder], fallback=True).gettext
