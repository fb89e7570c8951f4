"""nginx with `deploy/nginx.conf` responds as PublicSite does, and still serves documents when PublicSite is down."""

import http.client
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from harness.nginx import CONFIGURATION, NGINX, Nginx
from harness.ports import free_port
from incidents.public_site.headers import MEDIA_TYPES
from tests.public_site.sites import DOCUMENTS, HASHED, LAST_MODIFIED, published, site
from tests.support.wsgi import serving

if not NGINX and os.environ.get("REQUIRE_NGINX") != "1":
    pytest.skip("nginx is not installed (Debian: apt-get install nginx-light)", allow_module_level=True)

# Headers that must be equal in every response. ETags differ in form.
SAME = (
    "Content-Type", "Cache-Control", "Content-Language", "Content-Location", "Content-Security-Policy",
    "X-Content-Type-Options", "Referrer-Policy", "Permissions-Policy", "Cross-Origin-Opener-Policy",
    "Strict-Transport-Security", "Access-Control-Allow-Origin", "Access-Control-Allow-Methods",
    "Access-Control-Allow-Headers", "Access-Control-Max-Age", "Last-Modified", "Location", "Allow", "Content-Encoding",
    "Set-Cookie", "X-Robots-Tag", "Retry-After", "X-From",
)  # fmt: skip
# nginx adds a body of its own to these statuses.
NGINX_S_OWN = {
    204: ("Content-Language",),
    301: ("Content-Type", "Content-Language"),
    304: (
        "Content-Language", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy",
        "Permissions-Policy", "Cross-Origin-Opener-Policy", "Strict-Transport-Security",
    ),
    405: ("Content-Type", "Content-Language", "Cache-Control", "Last-Modified"),
}  # fmt: skip
STATIC = "/static/admin/css/base.css"


@dataclass(frozen=True)
class Both:
    nginx: int
    public_site: int


@contextmanager
def nginx_and_site(folder: Path) -> Iterator[tuple[Both, Path]]:
    folder.chmod(0o755)
    root = published(folder / "var/public").root
    styles = folder / "var/static/admin/css"
    styles.mkdir(parents=True)
    for name in ("base.css", "base.0123456789ab.css"):
        (styles / name).write_text("a{}")
        os.utime(styles / name, (1_700_000_000, 1_700_000_000))
    with (
        serving(site(root)) as port,
        Nginx(folder / "nginx", public_root=root, var=folder / "var", application_port=port) as nginx,
    ):
        yield Both(nginx.port, port), root


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    with nginx_and_site(tmp_path_factory.mktemp("nginx")) as (ports, _root):
        yield ports


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes


def ask(port: int, path: str, method: str = "GET", **headers: str) -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name.replace("_", "-"), value)
    connection.endheaders()
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return Answer(answer.status, answer.headers, body)


def vary(answer: Answer) -> set[str]:
    return {name.strip() for field in answer.headers.get_all("Vary", []) for name in field.split(",")}


PREFLIGHT = {
    "Origin": "https://intranet.example.dk",
    "Access-Control-Request-Method": "GET",
    "Access-Control-Request-Headers": "cache-control,x-widget",
}
QUERIES = (
    "lang=en", "lang=da", "lang=en-GB", "lang=EN", "LANG=en", "a=b&lang=en&c=d", "lang=de", "lang=", "lang",
    "lang=english", "lang=&lang=en", "lang=en&lang=da", "language=en", "slang=en", "a=lang=en", "lang=%65n",
    "lang=../en", "",
)  # fmt: skip
QUESTIONS: list[tuple[str, str, dict[str, str]]] = [
    *(("GET", path, {}) for path in DOCUMENTS),
    *(("GET", path, {"Accept-Encoding": "gzip"}) for path in ("/da/", "/da/feed.atom", "/en/feed.json", HASHED)),
    *(("HEAD", path, {}) for path in ("/", "/da/", "/api/v2/status.json")),
    *(("GET", "/", {"Accept-Language": wanted}) for wanted in ("en-GB,en;q=0.9,da;q=0.8", "da", "de,en;q=0.5", "de")),
    *((method, "/da/", {}) for method in ("POST", "PUT", "DELETE")),
    *(("OPTIONS", path, PREFLIGHT) for path in (*DOCUMENTS, "/api/v2/none.json", "/api/v1/pages.json", "/da/follow/")),
    ("POST", "/api/v2/status.json", {}),
    *((method, f"/api/v2/status.json?{query}", {}) for method in ("GET", "HEAD") for query in QUERIES),
    ("OPTIONS", "/api/v2/status.json?lang=en", PREFLIGHT),
    ("GET", "/en/api/v2/status.json?lang=da", {}),
    ("GET", "/en/feed.json?lang=da", {}),
    ("GET", "/api/v2/none.json?lang=en", {}),
    ("GET", "/da/?lang=en", {}),
    ("GET", "/api/v2/status.json?lang=en", {"If-Modified-Since": LAST_MODIFIED}),
    ("GET", "/api/v2/status.json?lang=en", {"Accept-Encoding": "gzip"}),
    ("GET", STATIC, {}),
    ("GET", "/static/admin/css/base.0123456789ab.css", {}),
    ("GET", "/da", {}),
    ("GET", "/da/incidents/k3j9x2m4p7qa?a=1", {}),
    ("GET", "/da/?query=1", {}),
    ("GET", "/da/subscribe/", {}),
    ("POST", "/da/subscribe/", {}),
    ("GET", "/da/incidents/", {}),
    ("GET", "/da/incidents", {}),
    ("GET", "/da/index.html", {}),
    ("GET", "/da/index.html.gz", {}),
    ("GET", "/static/admin/css/", {}),
    ("GET", "//da/", {}),
    ("GET", "/da/.secret.html", {}),
    ("GET", "/da/%5c..%5c", {}),
    ("GET", "/da/", {"If-Modified-Since": LAST_MODIFIED}),
]


@pytest.mark.parametrize(("method", "path", "headers"), QUESTIONS)
def test_nginx_answers_as_public_site_does(both: Both, method: str, path: str, headers: dict[str, str]) -> None:
    ours, theirs = ask(both.public_site, path, method, **headers), ask(both.nginx, path, method, **headers)
    assert theirs.status == ours.status
    names = [name for name in SAME if name not in NGINX_S_OWN.get(ours.status, ())]
    assert {name: theirs.headers[name] for name in names} == {name: ours.headers[name] for name in names}
    assert vary(theirs) == vary(ours)
    if ours.status == 200:
        assert theirs.body == ours.body
        assert bool(theirs.headers["ETag"]) is bool(ours.headers["ETag"])


@pytest.mark.parametrize(
    "path", ["/../etc/passwd", "/da/../../etc/passwd", "/%2e%2e/etc/passwd", "/da/%00", "/%ff.html"]
)
def test_no_path_leads_out_of_the_store(both: Both, path: str) -> None:
    for port in (both.public_site, both.nginx):
        answer = ask(port, path)
        assert answer.status in {400, 404}
        assert b"root:" not in answer.body


def test_current_copy_is_not_sent_again(both: Both) -> None:
    etag = ask(both.nginx, "/da/", Accept_Encoding="gzip").headers["ETag"]
    again = ask(both.nginx, "/da/", Accept_Encoding="gzip", If_None_Match=etag)
    assert (again.status, again.body) == (304, b"")


def test_copy_by_query_is_the_one_by_path(both: Both) -> None:
    by_query, by_path = "/api/v2/status.json?lang=en", "/en/api/v2/status.json"
    etag = ask(both.nginx, by_query).headers["ETag"]
    assert etag == ask(both.nginx, by_path).headers["ETag"]
    assert ask(both.nginx, by_query, If_None_Match=etag).status == 304


def test_nginx_serves_a_new_version_at_once(tmp_path: Path) -> None:
    with nginx_and_site(tmp_path) as (ports, root):
        ask(ports.nginx, "/da/")
        published(root, {"/da/": "Løst"})
        assert ask(ports.nginx, "/da/").body.decode() == "Løst"


def test_readers_are_served_while_the_application_is_down(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    root = published(tmp_path / "public").root
    with Nginx(tmp_path / "nginx", public_root=root, var=tmp_path, application_port=free_port()) as nginx:
        assert {ask(nginx.port, path).status for path in DOCUMENTS} == {200}
        assert ask(nginx.port, "/api/v2/status.json?lang=en").body == DOCUMENTS["/en/api/v2/status.json"].encode()
        assert ask(nginx.port, "/api/v2/status.json", "OPTIONS").status == 204
        for path, language, words in (
            ("/da/subscribe/", "da", "Ikke tilgængelig lige nu"),
            ("/en/subscribe/", "en", "Not available right now"),
        ):
            answer = ask(nginx.port, path)
            assert (answer.status, answer.headers["Content-Language"]) == (503, language)
            assert answer.headers["Cache-Control"] == "no-store"
            assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
            assert words in answer.body.decode()
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]


def test_nginx_knows_every_type_that_is_published() -> None:
    text = CONFIGURATION.read_text(encoding="utf-8")
    for ending, kind in MEDIA_TYPES.items():
        assert f" {ending};" in text
        assert kind in text
