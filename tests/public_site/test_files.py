import gzip
import hashlib
import subprocess
import sys
from pathlib import Path

import brotli
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from harness.product import run_environment
from incidents.public_site import files
from incidents.public_site.app import PublicSite
from incidents.public_site.headers import CACHE_DOCUMENT, CACHE_HASHED, CACHE_STATIC
from statuspage.local.paths import ROOT
from tests.public_site.sites import DOCUMENTS, HASHED, LAST_MODIFIED, published, site
from tests.support.wsgi import ask


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return published(tmp_path / "public").root


@pytest.fixture
def page(root: Path, monkeypatch: pytest.MonkeyPatch) -> PublicSite:
    monkeypatch.setattr(files, "RECHECK_AFTER", 0)
    return site(root)


@pytest.mark.parametrize(
    ("path", "kind", "language"),
    [
        ("/da/", "text/html; charset=utf-8", "da"),
        ("/en/", "text/html; charset=utf-8", "en"),
        ("/da/incidents/k3j9x2m4p7qa/", "text/html; charset=utf-8", "da"),
        ("/da/feed.atom", "application/atom+xml; charset=utf-8", "da"),
        ("/da/feed.rss", "application/rss+xml; charset=utf-8", "da"),
        ("/en/feed.json", "application/feed+json; charset=utf-8", "en"),
        ("/da/maintenance.ics", "text/calendar; charset=utf-8", "da"),
        ("/api/v2/status.json", "application/json; charset=utf-8", "da"),
        ("/en/api/v2/status.json", "application/json; charset=utf-8", "en"),
        ("/badge.svg", "image/svg+xml", "da"),
        ("/robots.txt", "text/plain; charset=utf-8", None),
        ("/.well-known/security.txt", "text/plain; charset=utf-8", None),
        ("/sitemap.xml", "application/xml", None),
        (HASHED, "text/css; charset=utf-8", None),
        ("/assets/logo-0123456789ab.png", "image/png", None),
    ],
)
def test_document_has_its_type_and_language(page: PublicSite, path: str, kind: str, language: str | None) -> None:
    answer = ask(page, path)
    assert (answer.status, answer.text) == (200, DOCUMENTS[path])
    assert (answer.headers["Content-Type"], answer.headers["Content-Language"]) == (kind, language)
    assert answer.headers["Content-Length"] == str(len(answer.body))
    assert answer.headers["Last-Modified"] == LAST_MODIFIED
    assert answer.headers["Set-Cookie"] is None


@pytest.mark.parametrize("path", DOCUMENTS)
def test_every_document_has_the_security_headers(page: PublicSite, path: str) -> None:
    headers = ask(page, path).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == policy["base-uri"] == policy["object-src"] == "'none'"
    assert policy["frame-ancestors"] == ("*" if path == "/da/banner/" else "'none'")
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "strict-origin-when-cross-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert headers["Strict-Transport-Security"] is None


def test_hsts_lasts_a_year_if_the_page_uses_https(root: Path) -> None:
    assert ask(site(root, https=True), "/da/").headers["Strict-Transport-Security"] == "max-age=31536000"


@pytest.mark.parametrize(
    ("path", "cache"), [("/da/", CACHE_DOCUMENT), ("/da/feed.atom", CACHE_DOCUMENT), (HASHED, CACHE_HASHED)]
)
def test_documents_are_cached_briefly_and_hashed_files_for_ever(page: PublicSite, path: str, cache: str) -> None:
    assert ask(page, path).headers["Cache-Control"] == cache
    assert "s-maxage" not in cache


def test_only_json_may_be_read_by_scripts_of_other_sites(page: PublicSite) -> None:
    open_ = {path for path in DOCUMENTS if ask(page, path).headers["Access-Control-Allow-Origin"] == "*"}
    assert open_ == {path for path in DOCUMENTS if path.endswith(".json")}


def test_compressed_bodies_are_sent_to_readers_that_accept_them(page: PublicSite) -> None:
    plain = ask(page, "/da/")
    for coding, unpack in (("gzip", gzip.decompress), ("br", brotli.decompress)):
        compressed = ask(page, "/da/", accept_encoding=coding)
        assert compressed.headers["Content-Encoding"] == coding
        assert compressed.headers["Vary"] == plain.headers["Vary"] == "Accept-Encoding"
        assert unpack(compressed.body) == plain.body
        assert len(compressed.body) < len(plain.body)


def test_etag_is_strong_per_coding_and_contains_the_hash_of_the_content(page: PublicSite) -> None:
    answers = [ask(page, "/da/", accept_encoding=coding) for coding in ("", "gzip", "br")]
    etags = [answer.headers["ETag"] for answer in answers]
    assert len(set(etags)) == 3
    digest = hashlib.sha256(answers[0].body).hexdigest()[:32]
    assert all(etag.startswith(f'"{digest}') and etag.endswith('"') for etag in etags)


def test_picture_has_no_vary(page: PublicSite) -> None:
    assert ask(page, "/assets/logo-0123456789ab.png", accept_encoding="br").headers["Vary"] is None


def test_current_copy_is_not_sent_again(page: PublicSite) -> None:
    first = ask(page, "/da/", accept_encoding="gzip")
    again = ask(page, "/da/", accept_encoding="gzip", if_none_match=first.headers["ETag"])
    assert (again.status, again.body) == (304, b"")
    for name in ("ETag", "Cache-Control", "Vary", "Last-Modified"):
        assert again.headers[name] == first.headers[name]
    assert "Content-Type" not in again.headers  # the reader's copy has the other headers
    assert "Content-Security-Policy" not in again.headers
    assert ask(page, "/da/", accept_encoding="br", if_none_match=first.headers["ETag"]).status == 200
    assert ask(page, "/da/", if_modified_since=LAST_MODIFIED).status == 304


def test_head_has_the_headers_of_get_without_the_body(page: PublicSite) -> None:
    got, head = ask(page, "/da/"), ask(page, "/da/", method="HEAD")
    assert head.body == b""
    assert head.headers.items() == got.headers.items()


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"])
def test_published_address_is_read_only(page: PublicSite, method: str) -> None:
    answer = ask(page, "/da/", method=method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert answer.headers["Content-Language"] == "da"
    assert '<html lang="da">' in answer.text
    assert '<a href="/da/">' in answer.text


@pytest.mark.parametrize(
    ("wanted", "got"), [("da-DK,da;q=0.9,en;q=0.8", "da"), ("en-GB", "en"), ("de", "da"), ("", "da")]
)
def test_root_is_the_home_page_in_the_readers_language(page: PublicSite, wanted: str, got: str) -> None:
    answer = ask(page, "/", accept_language=wanted)
    assert answer.text == DOCUMENTS[f"/{got}/"]
    assert answer.headers["Content-Location"] == f"/{got}/"
    assert answer.headers["Content-Language"] == got
    assert answer.headers["Vary"] == "Accept-Encoding, Accept-Language"
    assert ask(page, f"/{got}/").headers["Content-Location"] is None


def test_root_falls_back_to_the_default_language_if_the_readers_is_missing(tmp_path: Path) -> None:
    root = published(tmp_path / "public", {"/da/": "dansk"}).root
    assert ask(site(root), "/", accept_language="en").text == "dansk"


def test_address_without_the_slash_redirects_to_the_page(page: PublicSite) -> None:
    answer = ask(page, "/da/incidents/k3j9x2m4p7qa", query="a=1")
    assert (answer.status, answer.headers["Location"]) == (301, "/da/incidents/k3j9x2m4p7qa/?a=1")
    assert ask(page, "/da/incidents").headers["X-From"] == "Django"
    assert ask(page, "/da", method="POST").headers["X-From"] == "Django"


def test_query_string_is_ignored(page: PublicSite) -> None:
    assert ask(page, "/da/", query="utm_source=x").text == DOCUMENTS["/da/"]


@pytest.mark.parametrize("path", ["/da/subscribe/", "/admin/", "/api/v1/incidents", "/metrics", "/da/incidents/"])
def test_other_addresses_are_passed_to_django(page: PublicSite, path: str) -> None:
    assert ask(page, path).headers["X-From"] == "Django"
    assert ask(page, path, method="POST").headers["X-From"] == "Django"


# -- New versions ------------------------------------------------------------------------------


def test_new_version_is_served_at_once_by_every_process(root: Path, page: PublicSite) -> None:
    other = site(root)
    before = {ask(process, "/da/").headers["ETag"] for process in (page, other)}
    published(root, {"/da/": "Løst"})
    after = [ask(process, "/da/") for process in (page, other)]
    assert {answer.text for answer in after} == {"Løst"}
    assert before.isdisjoint({answer.headers["ETag"] for answer in after})


def test_version_of_the_same_size_and_second_is_noticed(root: Path, page: PublicSite) -> None:
    published(root, {"/da/": "aaaa"})
    assert ask(page, "/da/").text == "aaaa"
    published(root, {"/da/": "bbbb"})
    assert ask(page, "/da/").text == "bbbb"


def test_withdrawn_document_is_gone_at_once(root: Path, page: PublicSite) -> None:
    assert ask(page, "/da/feed.atom").status == 200
    published(root, {}).delete("/da/feed.atom")
    assert ask(page, "/da/feed.atom").headers["X-From"] == "Django"


def test_document_published_later_is_found(root: Path, page: PublicSite) -> None:
    assert ask(page, "/da/history/").headers["X-From"] == "Django"
    published(root, {"/da/history/": "Historik"})
    assert ask(page, "/da/history/").text == "Historik"


@pytest.mark.parametrize("compressed", [gzip.compress(b"an older version", mtime=0), b"not gzip at all", b"", None])
def test_compressed_file_of_another_version_is_ignored(root: Path, page: PublicSite, compressed: bytes | None) -> None:
    file = root / "da/index.html.gz"
    file.unlink() if compressed is None else file.write_bytes(compressed)
    answer = ask(page, "/da/", accept_encoding="gzip")
    assert (answer.text, answer.headers["Content-Encoding"]) == (DOCUMENTS["/da/"], None)


def test_cached_document_is_served_if_the_disk_fails(
    root: Path, page: PublicSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask(page, "/da/")

    def broken(_path: str) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("os.stat", broken)
    assert ask(page, "/da/").text == DOCUMENTS["/da/"]


def test_memory_is_bounded_and_every_document_is_served(tmp_path: Path) -> None:
    texts = {f"/da/incidents/{number:012}/": f"{number}" * 1000 for number in range(10, 60)}
    store = files.Files(
        published(tmp_path / "public", texts).root, tmp_path, ("da",), "da", https=False, max_bytes=10_000
    )
    for _round in range(2):
        for path, text in texts.items():
            found = store.find(path)
            assert found
            assert found.answers["identity"].body == [text.encode()]
    cached = sum(one.size for one in store._cache.values())
    assert 0 < cached == store._bytes <= 10_000


def test_document_larger_than_the_cache_is_served_from_the_disk(tmp_path: Path) -> None:
    root = published(tmp_path / "public", {"/sitemap.xml": "x" * 5000}).root
    store = files.Files(root, tmp_path, ("da",), "da", https=False, max_bytes=1000)
    for _time in range(2):
        found = store.find("/sitemap.xml")
        assert found
        assert found.answers["identity"].body == [b"x" * 5000]
    assert store._bytes == 0


# -- Static files ------------------------------------------------------------------------------


def test_static_files_are_served_from_their_own_folder(root: Path, page: PublicSite) -> None:
    folder = root.parent / "static/admin/css"
    folder.mkdir(parents=True)
    (folder / "base.0123456789ab.css").write_text("a{}")
    (folder / "base.css").write_text("a{}")
    (folder / "notes.md").write_text("secret")
    hashed, plain = ask(page, "/static/admin/css/base.0123456789ab.css"), ask(page, "/static/admin/css/base.css")
    assert (hashed.text, hashed.headers["Cache-Control"]) == ("a{}", CACHE_HASHED)
    assert (plain.text, plain.headers["Cache-Control"]) == ("a{}", CACHE_STATIC)
    assert hashed.headers["Content-Language"] is None
    assert ask(page, "/static/admin/css/notes.md").headers["X-From"] == "Django"
    assert ask(page, "/static/admin/css/").headers["X-From"] == "Django"


# -- Hostile paths -----------------------------------------------------------------------------

pieces = st.sampled_from(
    ["/", "//", "..", ".", "\\", "\x00", "%2e%2e", "%2f", "~", "da", "index.html", "secret.txt", "etc", "passwd",
     "public", "static", ".da.tmp", "x.html", "\xff", "\xc3\xb8", " ", ";", ":", "C:", "\r\n", "?", "#", ".gz", ".br"]
)  # fmt: skip


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(st.one_of(st.text(st.characters(max_codepoint=255), max_size=60), st.lists(pieces, max_size=8).map("".join)))
@example("../secret.txt")
@example("da/../../secret.txt")
@example("static/../../secret.txt")
@example("da/\x00")
@example("x/" * 2000)
@example("a" * 300 + ".txt")
def test_no_path_leads_out_of_the_store(page: PublicSite, path: str) -> None:
    root = page._files._public_root
    (root.parent / "secret.txt").write_text("secret")
    answer = ask(page, f"/{path}")
    assert b"secret" not in answer.body or answer.headers["X-From"] == "Django"
    if answer.status == 200:
        assert f"/{path}" in DOCUMENTS
    if answer.status == 301:
        assert answer.headers["Location"] == f"/{path}/"
        assert not path.startswith("/")


@pytest.mark.parametrize(
    "path",
    ["/da/index.html", "/index.html", "/da/index.html.gz", "/da/feed.atom.br", "/da/.feed.atom.x.tmp",
     "/.hidden.html", "//da/", "/da//", "/da/./", "/en/../da/", "/da\\feed.atom", "/da/feed.atom/", "/da/feed.atom\n",
     "/da/feed.atom\x00", "/DA/", "da/", "*"],
)  # fmt: skip
def test_each_document_has_one_address(root: Path, page: PublicSite, path: str) -> None:
    (root / "da/.feed.atom.x.tmp").write_text("half")
    (root / ".hidden.html").write_text("hidden")
    answer = (
        ask(page, path)
        if path.startswith("/")
        else ask(lambda env, start: page({**env, "PATH_INFO": path}, start), "/")
    )
    assert (answer.status, answer.headers["X-From"]) == ((404, "Django") if path.isprintable() else (400, None))


def test_folder_with_the_name_of_a_document_is_not_served(root: Path, page: PublicSite) -> None:
    (root / "da/folder.html").mkdir()
    assert ask(page, "/da/folder.html").headers["X-From"] == "Django"


# -- Starting ----------------------------------------------------------------------------------

STARTING = """
import sys
from statuspage.wsgi import application
said = []
body = application({"REQUEST_METHOD": "GET", "PATH_INFO": "/da/"}, lambda status, headers: said.append(status))
loaded = {"psycopg", "redis", "rq", "incidents.models"} & set(sys.modules)
print(said[0], b"".join(body) == %r, sorted(loaded))
"""


def test_server_starts_and_serves_without_database_queue_and_models(root: Path) -> None:
    dead = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none", "REDIS_URL": "redis://127.0.0.1:1/0"}
    variables = {**dead, "SECRET_KEY": "guards nothing" * 4, "PUBLIC_ROOT": str(root), "VAR_DIR": str(root.parent)}
    result = subprocess.run(
        [sys.executable, "-c", STARTING % DOCUMENTS["/da/"].encode()],
        cwd=ROOT, env=run_environment(variables), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (result.stdout, result.stderr) == ("200 OK True []\n", "")
