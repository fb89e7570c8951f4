"""The whole product, end to end, with the incident that led to it.

Two readers sign up on the page; staff open the incident in the admin, post that it is
mitigated and then resolved, with a quote of the upstream provider; each reader is
notified of each update once, in their language; page, permalink and feeds agree.
Finally PostgreSQL and Valkey are stopped and the web process is killed: readers notice
nothing.
"""

import json
import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from email.message import EmailMessage
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import feedparser
import psycopg
import pytest
from playwright.sync_api import Browser, BrowserContext, Locator, Page

from harness.product import PASSWORD, Product
from harness.waiting import wait_for
from statuspage.local.servers import Servers

DANE, BRITON = "dansk.laeser@kunde.example", "english.reader@customer.example"
TITLE = {"da": "Mail til Microsoft 365 er forsinket", "en": "Mail to Microsoft 365 is delayed"}
IDENTIFIED = {
    "da": "Microsoft ved, at modtagelsen er ramt. Vi prøver **længere end normalt**.",
    "en": "Microsoft knows that receiving is affected. We retry **for longer than usual**.",
}
MITIGATED = {"da": "De fleste mails er fremme inden en time.", "en": "Most mail arrives within an hour."}
RESOLVED = {"da": "Microsoft løste problemet i aftes.", "en": "Microsoft solved the problem last night."}
QUOTE = "**Final status:** The code change was reverted. *451 4.7.500 Server busy* is no longer returned."
AFTERWARDS = {"da": "Det skete igen.", "en": "It happened again."}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Servers, dict[str, str]]]:
    folder = tmp_path_factory.mktemp("servers")
    for parent in (folder, folder.parent, folder.parent.parent):
        parent.chmod(0o711)  # PostgreSQL, run by root's unprivileged stand-in, must pass through
    urls: dict[str, str] = {}
    with Servers(folder, urls, lasting=False) as running:
        yield running, dict(urls)


@pytest.fixture(scope="module")
def site(product: Callable[..., Product], servers: tuple[Servers, dict[str, str]]) -> Product:
    _running, urls = servers
    return product(sample_data=True, ANNOUNCEMENT_HOLD="1", LOG_FORMAT="json", **urls)


@pytest.fixture
def newsroom(site: Product, browser_context: BrowserContext) -> Page:
    page = browser_context.new_page()
    page.goto(f"{site.url}/admin/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{site.url}/admin/")
    return page


def sign_up(site: Product, browser: Browser, readers: dict[str, str]) -> None:
    """Sign up each reader in their language, and confirm with the link in the email and its one button."""
    pages = {address: browser.new_context(locale=language).new_page() for address, language in readers.items()}
    for address, page in pages.items():
        page.goto(f"{site.url}/{readers[address]}/")
        page.locator(f"a[href='/{readers[address]}/subscribe/']").first.click()
        page.fill("[name=address]", address)
    for page in pages.values():
        submit_when_accepted(page)
    for address, page in pages.items():
        [message] = site.wait_for_mail(address)
        assert message["Content-Language"] == readers[address]
        page.goto(link_in(message, "/subscription/confirm/"))
        with page.expect_navigation():
            page.locator("main form button").click()
        assert page.context.cookies() == []
        page.context.close()


def submit_when_accepted(page: Page) -> None:
    """Submit until accepted: the form refuses input that comes too quickly for a person."""

    def is_accepted() -> bool:
        with page.expect_navigation() as navigation:
            page.locator("main form button[type=submit]").click()
        # A page that says "try again later" has no error either.
        assert navigation.value.status < 500, page.locator("body").inner_text()
        return page.locator(".notice-error").count() == 0

    wait_for(is_accepted)


def link_in(message: EmailMessage, part: str) -> str:
    found = re.search(rf"https?://\S+{part}[^\s>]+", text_of(message))
    assert found, text_of(message)
    return found[0]


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    body = message.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def write(page: Page, field: str, texts: dict[str, str]) -> None:
    for language, text in texts.items():
        page.fill(f"[name={field}_{language}]", text)


def choose(page: Page, name: str, value: str) -> None:
    page.check(f"[name={name}][value={value}]", force=True)


def press(page: Page, action: str) -> None:
    with page.expect_navigation():
        page.locator(f"button[name=action][value={action}]").click()
    assert page.locator(".errorlist, .errornote").count() == 0, page.locator(".errorlist, .errornote").all_inner_texts()


def expand(details: Locator) -> None:
    details.evaluate(
        "node => { for (let d = node.closest('details'); d; d = d.parentElement.closest('details')) d.open = true }"
    )


def post_update(page: Page, phase: str, texts: dict[str, str]) -> None:
    page.goto(re.sub(r"/change/.*", f"/update/?phase={phase}", page.url))
    choose(page, "phase", phase)
    write(page, "text", texts)


def published(site: Product, path: str) -> str:
    status, headers, text = site.get(path)
    assert status == 200
    assert "set-cookie" not in headers
    return text


def test_readers_are_notified_once_in_their_language_and_pages_outlive_every_server(
    site: Product, servers: tuple[Servers, dict[str, str]], newsroom: Page, browser: Browser
) -> None:
    sign_up(site, browser, {DANE: "da", BRITON: "en"})

    newsroom.goto(f"{site.url}/admin/incidents/incident/add/")
    write(newsroom, "title", TITLE)
    choose(newsroom, "phase", "identified")
    write(newsroom, "text", IDENTIFIED)
    press(newsroom, "publish")
    incident = newsroom.url.split("/")[-3]
    expect_notified(site, messages=2, words=IDENTIFIED)

    post_update(newsroom, "mitigated", MITIGATED)
    press(newsroom, "publish")
    expect_notified(site, messages=3, words=MITIGATED)

    post_update(newsroom, "resolved", RESOLVED)
    expand(newsroom.locator("[name=quote]"))
    newsroom.fill("[name=quote]", QUOTE)
    newsroom.select_option("[name=quote_language]", "en")
    press(newsroom, "publish")
    expect_notified(site, messages=4, words=RESOLVED)

    check_pages(site, incident)
    check_feeds(site)
    check_one_click_unsubscription(site, newsroom)
    check_pages_survive_outages(site, servers[0])
    check_logs(site)


def expect_notified(site: Product, *, messages: int, words: dict[str, str]) -> None:
    """Each reader has received that many messages; the newest has these words, and not the other language's."""
    for address, language, other in ((DANE, "da", "en"), (BRITON, "en", "da")):
        newest = site.wait_for_mail(address, messages)[-1]
        assert TITLE[language] in newest["Subject"]
        for kind in ("plain", "html"):
            shown = re.sub(r"<[^>]+>|\*\*", "", text_of(newest, kind))
            assert words[language].replace("**", "") in shown
            assert words[other].replace("**", "") not in shown
        assert newest["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def check_pages(site: Product, incident: str) -> None:
    danish, english = (published(site, f"/{language}/incidents/{incident}/") for language in ("da", "en"))
    for words in (MITIGATED, RESOLVED, TITLE):
        assert words["da"] in danish
        assert words["da"] not in english
        assert words["en"] in english
    quote = re.search(r'<blockquote[^>]*lang="en"[^>]*>.*?</blockquote>', danish, re.DOTALL)
    assert quote is not None
    assert "451 4.7.500 Server busy" in quote[0]
    assert "Løst" in danish
    assert "Resolved" in english


def check_feeds(site: Product) -> None:
    for kind in ("atom", "rss"):
        for language in ("da", "en"):
            feed = feedparser.parse(published(site, f"/{language}/feed.{kind}"))
            assert not feed.bozo
            shown = " ".join(str(entry) for entry in feed.entries)
            assert sum(TITLE[language] in entry.title for entry in feed.entries) == 3
            assert MITIGATED[language] in shown
            assert RESOLVED[language] in shown


def check_one_click_unsubscription(site: Product, newsroom: Page) -> None:
    """Unsubscribe with the email program's button (RFC 8058); the next update reaches only the other reader."""
    newest = site.mail(DANE)[-1]
    address = re.search(r"<(https?://[^>]+)>", newest["List-Unsubscribe"])
    assert address is not None
    one_click = Request(address[1], data=urlencode({"List-Unsubscribe": "One-Click"}).encode(), method="POST")
    with urlopen(one_click, timeout=30) as answer:
        assert answer.status == 200
        assert "Set-Cookie" not in answer.headers
    newsroom.goto(re.sub(r"/change/.*", "/update/?reopen", newsroom.url))
    choose(newsroom, "phase", "investigating")
    write(newsroom, "text", AFTERWARDS)
    press(newsroom, "publish")
    wait_for(lambda: len(site.mail(BRITON)) == 5)
    assert AFTERWARDS["en"] in text_of(site.mail(BRITON)[-1])
    wait_for(lambda: is_outbox_empty(site))
    assert len(site.mail(DANE)) == 4


def is_outbox_empty(site: Product) -> bool:
    with psycopg.connect(site.variables["DATABASE_URL"]) as connection:
        unsent = "SELECT FROM incidents_delivery WHERE state IN ('queued', 'sending', 'deferred', 'uncertain')"
        return connection.execute(unsent).fetchone() is None


def published_paths(site: Product) -> list[str]:
    """Return every published path, from the files of the public store."""
    root = Path(site.variables["PUBLIC_ROOT"])
    files = [f"/{file.relative_to(root).as_posix()}" for file in root.rglob("*") if file.is_file()]
    shown = [file for file in files if not file.endswith((".gz", ".br")) and "/." not in file]
    return sorted(file.removesuffix("index.html") for file in shown)


def kill_web(site: Product) -> None:
    """Send SIGKILL to every web process; the supervisor starts another."""
    subprocess.run(["pkill", f"-{signal.SIGKILL:d}", "-f", f"granian .*--port {site.port} "], check=True)


def is_healthy(site: Product) -> bool:
    try:
        return site.get("/healthz")[0] == 200
    except OSError:
        return False


def check_pages_survive_outages(site: Product, servers: Servers) -> None:
    paths = published_paths(site)
    before = {path: site.get(path) for path in paths}
    assert len(paths) > 60
    assert {status for status, _headers, _text in before.values()} == {200}
    assert site.get("/readyz")[0] == 200
    wait_for(lambda: site.get("/readyz?deep=1")[0] == 200)

    for server in servers.running:
        server.stop()
    kill_web(site)
    wait_for(lambda: is_healthy(site))

    for path, (_status, headers, text) in before.items():
        status, headers_now, text_now = site.get(path)
        assert status == 200, path
        assert text_now == text, path
        assert {**headers_now, "date": ""} == {**headers, "date": ""}, path
    assert "Nogle systemer" in site.get("/", Accept_Language="da")[2]
    assert "Some systems" in site.get("/", Accept_Language="en")[2]
    check_dynamic_pages_report_the_outage(site)


def check_dynamic_pages_report_the_outage(site: Product) -> None:
    """During an outage, dynamic pages answer in the reader's language and link to the published page."""
    wanted = {"da": "Gå til driftsstatus", "en": "Go to the status page"}
    with ThreadPoolExecutor() as readers:  # in parallel: each waits for the database until it times out
        ready = readers.submit(site.get, "/readyz?deep=1")
        pages = list(readers.map(lambda language: site.get(f"/{language}/subscribe/"), wanted))
    for (language, words), (status, headers, text) in zip(wanted.items(), pages, strict=True):
        assert status == 503
        assert words in text
        assert f'<html lang="{language}">' in text
        assert f'href="/{language}/"' in text
        assert "retry-after" in headers
    assert ready.result()[0] == 503
    assert site.get("/readyz")[0] == 200


def check_logs(site: Product) -> None:
    """No line of the whole run has an address, a password or the key of a link, and an outage is not repeated."""
    # The mailbox of `make run` names recipients; it is not part of the product.
    said = "\n".join(line for line in site.said().splitlines() if not line.startswith("mailbox"))
    links = [
        link for message in site.mail() for link in re.findall(r"/subscription/\S+?([^\s/?>]{20,})", text_of(message))
    ]
    assert links
    for secret in (DANE.partition("@")[0], BRITON.partition("@")[0], PASSWORD, *links):
        assert secret not in said
    lines: dict[str, list[dict[str, str]]] = {}
    for process, line in re.findall(r"^(\w+) +[|│] (\{.*\})$", said, flags=re.MULTILINE):
        lines.setdefault(process, []).append(json.loads(line))
    assert all({"time", "level", "logger", "message"} <= line.keys() for each in lines.values() for line in each)
    assert any("request_id" in line for line in lines["web"])
    outage = [line for line in lines["scheduler"] if "failed: OperationalError" in line["message"]]
    assert all(line["job_id"] for line in outage)
    times = [datetime.fromisoformat(line["time"]) for line in outage]
    assert times
    # Each minute at most one; another outage would have ended the first with a line of its own.
    assert all(later - earlier > timedelta(seconds=59) for earlier, later in pairwise(times))
