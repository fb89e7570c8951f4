"""Fills in and sends forms over HTTP as a browser without JavaScript does."""

import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from itertools import count
from urllib.parse import urlencode, urljoin, urlsplit


@dataclass
class Form:
    action: str
    fields: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Answer:
    status: int
    address: str  # of the page, after redirects
    text: str


class FormClient:
    """Keeps cookies. Each request goes to the next of the servers, as a proxy's do, or to another that listens.

    With an `origin`, the servers must trust this machine as a proxy.
    """

    def __init__(self, servers: Callable[[], Sequence[str]], origin: str = "") -> None:
        self._servers = servers
        self._headers = {"Accept-Language": "en", **({"X-Forwarded-For": origin} if origin else {})}
        self._turn = count()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()), _NoRedirects())

    def get(self, path: str) -> Answer:
        return self._request(path, None)

    def send(self, path: str, having: str, /, **typed: str | None) -> Answer:
        """Open the page and send its form that has this field, with what is `typed`; None leaves a field out."""
        page = self.get(path)
        assert page.status == 200, f"{path}: {page.status}\n{page.text[:2000]}"
        return self.send_form(form_having(page, having), **typed)

    def send_form(self, form: Form, /, **typed: str | None) -> Answer:
        values = {name: value for name, value in {**form.fields, **typed}.items() if value is not None}
        return self._request(form.action, urlencode(values).encode())

    def _request(self, path: str, body: bytes | None) -> Answer:
        for _redirect in range(5):
            answer, location = self._at_next_server(path, body)
            if location is None:
                return answer
            path, body = _path(urljoin(path, location)), None
        raise AssertionError(f"{path}: too many redirects")

    def _at_next_server(self, path: str, body: bytes | None) -> tuple[Answer, str | None]:
        servers = self._servers()
        turn = next(self._turn)
        for attempt in range(len(servers)):
            try:
                return self._at(servers[(turn + attempt) % len(servers)], path, body)
            except urllib.error.URLError as error:
                # nothing was sent: a proxy tries the next server, too
                if not isinstance(error.reason, ConnectionRefusedError) or attempt == len(servers) - 1:
                    raise
        raise AssertionError("there is no server")

    def _at(self, server: str, path: str, body: bytes | None) -> tuple[Answer, str | None]:
        request = urllib.request.Request(f"{server}{path}", data=body, headers=self._headers)
        try:
            response = self._opener.open(request, timeout=60)
        except urllib.error.HTTPError as error:
            response = error
        with response:
            answer = Answer(response.status, path, response.read().decode(errors="replace"))
            return answer, response.headers["Location"] if 300 <= response.status < 400 else None


def form_having(page: Answer, name: str = "") -> Form:
    """Return the first form of a page, or the first that has a field or button of this name."""
    parser = _Forms(page.address)
    parser.feed(page.text)
    found = [form for form, names in parser.found if name in names or not name]
    assert found, f"{page.address} has no form with {name}"
    return found[0]


def _path(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """The next request may go to another server."""

    def redirect_request(self, *_arguments: object, **_named: object) -> None:
        return None


class _Forms(HTMLParser):
    """Collects forms with the values that a browser would send if nothing was touched."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = address
        self.found: list[tuple[Form, set[str]]] = []
        self._textarea = self._select = ""
        self._open = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = True
            self.found.append((Form(_path(urljoin(self.address, given.get("action") or self.address))), set()))
        elif self._open and (tag == "option" or given.get("name")):
            self._field(tag, given.get("name", ""), given)

    def _field(self, tag: str, name: str, given: dict[str, str]) -> None:
        form, names = self.found[-1]
        names.add(name)
        if tag == "textarea":
            self._textarea = name
            form.fields[name] = ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and ("selected" in given or self._select not in form.fields):
            form.fields[self._select] = given.get("value", "")
        elif tag == "input" and "disabled" not in given:
            kind = given.get("type", "text")
            if kind not in {"submit", "button", "file"} and (kind not in {"checkbox", "radio"} or "checked" in given):
                form.fields[name] = given.get("value", "on" if kind == "checkbox" else "")

    def handle_data(self, data: str) -> None:
        if self._textarea:
            fields = self.found[-1][0].fields
            fields[self._textarea] = (fields[self._textarea] + data).removeprefix("\n")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = ""
        elif tag == "select":
            self._select = ""
        elif tag == "form":
            self._open = False
