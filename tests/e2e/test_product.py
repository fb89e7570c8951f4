"""The whole road once, as people walk it: the incident that the product was born from.

Two readers sign up on the page; staff open the incident in the admin, post that it
is mitigated and then that it is over, with the upstream provider's own words; each
reader hears of each update once, in their language; page, permalink and feeds agree.
At last PostgreSQL and Valkey are stopped and the web process is killed: readers notice nothing.
"""

import re
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from email.message import EmailMessage
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
def house(product: Callable[..., Product], servers: tuple[Servers, dict[str, str]]) -> Product:
    _running, urls = servers
    return product(sample_data=True, ANNOUNCEMENT_HOLD="1", **urls)


@pytest.fixture
def newsroom(house: Product, browser_context: BrowserContext) -> Page:
    page = browser_context.new_page()
    page.goto(f"{house.url}/admin/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{house.url}/admin/")
    return page


def sign_up(house: Product, browser: Browser, readers: dict[str, str]) -> None:
    """Each on the page of their language, confirmed by the link in the mail and its one button."""
    pages = {address: browser.new_context(locale=language).new_page() for address, language in readers.items()}
    for address, page in pages.items():
        page.goto(f"{house.url}/{readers[address]}/")
        page.locator(f"a[href='/{readers[address]}/subscribe/']").first.click()
        page.fill("[name=address]", address)
    for page in pages.values():
        submit_when_accepted(page)
    for address, page in pages.items():
        [letter] = house.wait_for_mail(address)
        assert letter["Content-Language"] == readers[address]
        page.goto(link_in(letter, "/subscription/confirm/"))
        page.locator("main form button").click()
        page.wait_for_load_state()
        assert page.context.cookies() == []
        page.context.close()


def submit_when_accepted(page: Page) -> None:
    """The form refuses whoever is quicker than a person, and then takes the same text a moment later."""

    def is_accepted() -> bool:
        page.locator("main form button[type=submit]").click()
        return page.locator(".notice-error").count() == 0

    wait_for(is_accepted)


def link_in(letter: EmailMessage, part: str) -> str:
    found = re.search(rf"https?://\S+{part}[^\s>]+", text_of(letter))
    assert found, text_of(letter)
    return found[0]


def text_of(letter: EmailMessage, kind: str = "plain") -> str:
    body = letter.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def write(page: Page, field: str, texts: dict[str, str]) -> None:
    for language, text in texts.items():
        page.fill(f"[name={field}_{language}]", text)


def choose(page: Page, name: str, value: str) -> None:
    page.check(f"[name={name}][value={value}]", force=True)


def press(page: Page, action: str) -> None:
    page.locator(f"button[name=action][value={action}]").click()
    page.wait_for_load_state()
    assert page.locator(".errorlist, .errornote").count() == 0, page.locator(".errorlist, .errornote").all_inner_texts()


def opened(details: Locator) -> None:
    details.evaluate(
        "node => { for (let d = node.closest('details'); d; d = d.parentElement.closest('details')) d.open = true }"
    )


def post_update(page: Page, phase: str, texts: dict[str, str]) -> None:
    page.goto(re.sub(r"/change/.*", f"/update/?phase={phase}", page.url))
    choose(page, "phase", phase)
    write(page, "text", texts)


def published(house: Product, path: str) -> str:
    status, headers, text = house.get(path)
    assert status == 200
    assert "set-cookie" not in headers
    return text


def test_every_reader_hears_it_once_in_their_language_and_reads_it_while_all_else_is_gone(
    house: Product, servers: tuple[Servers, dict[str, str]], newsroom: Page, browser: Browser
) -> None:
    sign_up(house, browser, {DANE: "da", BRITON: "en"})

    newsroom.goto(f"{house.url}/admin/incidents/incident/add/")
    write(newsroom, "title", TITLE)
    choose(newsroom, "phase", "identified")
    write(newsroom, "text", IDENTIFIED)
    press(newsroom, "publish")
    incident = newsroom.url.split("/")[-3]
    told(house, letters=2, words=IDENTIFIED)

    post_update(newsroom, "mitigated", MITIGATED)
    press(newsroom, "publish")
    told(house, letters=3, words=MITIGATED)

    post_update(newsroom, "resolved", RESOLVED)
    opened(newsroom.locator("[name=quote]"))
    newsroom.fill("[name=quote]", QUOTE)
    newsroom.select_option("[name=quote_language]", "en")
    press(newsroom, "publish")
    told(house, letters=4, words=RESOLVED)

    page_shows_all(house, incident)
    feeds_show_all(house)
    leaving_ends_it(house, newsroom)
    is_read_while_database_queue_and_web_process_are_gone(house, servers[0])


def told(house: Product, *, letters: int, words: dict[str, str]) -> None:
    """Each reader has so many letters by now, the newest with these words and no other language's."""
    for address, language, other in ((DANE, "da", "en"), (BRITON, "en", "da")):
        newest = house.wait_for_mail(address, letters)[-1]
        assert TITLE[language] in newest["Subject"]
        for kind in ("plain", "html"):
            shown = re.sub(r"<[^>]+>|\*\*", "", text_of(newest, kind))
            assert words[language].replace("**", "") in shown
            assert words[other].replace("**", "") not in shown
        assert newest["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def page_shows_all(house: Product, incident: str) -> None:
    danish, english = (published(house, f"/{language}/incidents/{incident}/") for language in ("da", "en"))
    for words in (MITIGATED, RESOLVED, TITLE):
        assert words["da"] in danish
        assert words["da"] not in english
        assert words["en"] in english
    quote = re.search(r'<blockquote[^>]*lang="en"[^>]*>.*?</blockquote>', danish, re.DOTALL)
    assert quote is not None
    assert "451 4.7.500 Server busy" in quote[0]
    assert "Løst" in danish
    assert "Resolved" in english


def feeds_show_all(house: Product) -> None:
    for kind in ("atom", "rss"):
        for language in ("da", "en"):
            feed = feedparser.parse(published(house, f"/{language}/feed.{kind}"))
            assert not feed.bozo
            shown = " ".join(str(entry) for entry in feed.entries)
            assert sum(TITLE[language] in entry.title for entry in feed.entries) == 3
            assert MITIGATED[language] in shown
            assert RESOLVED[language] in shown


def leaving_ends_it(house: Product, newsroom: Page) -> None:
    """One click on the mail program's own button (RFC 8058), and the next update finds one reader only."""
    newest = house.mail(DANE)[-1]
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
    wait_for(lambda: len(house.mail(BRITON)) == 5)
    assert AFTERWARDS["en"] in text_of(house.mail(BRITON)[-1])
    wait_for(lambda: nothing_waits_to_be_sent(house))
    assert len(house.mail(DANE)) == 4


def nothing_waits_to_be_sent(house: Product) -> bool:
    with psycopg.connect(house.variables["DATABASE_URL"]) as connection:
        unsent = "SELECT FROM incidents_delivery WHERE state IN ('queued', 'sending', 'deferred', 'uncertain')"
        return connection.execute(unsent).fetchone() is None


def addresses(house: Product) -> list[str]:
    """Every published address, by the files of the public store."""
    root = Path(house.variables["PUBLIC_ROOT"])
    files = [f"/{file.relative_to(root).as_posix()}" for file in root.rglob("*") if file.is_file()]
    shown = [file for file in files if not file.endswith((".gz", ".br")) and "/." not in file]
    return sorted(file.removesuffix("index.html") for file in shown)


def kill_web(house: Product) -> None:
    """kill -9 of every web process; the supervisor starts another."""
    subprocess.run(["pkill", f"-{signal.SIGKILL:d}", "-f", f"granian .*--port {house.port} "], check=True)


def answers(house: Product) -> bool:
    try:
        return house.get("/healthz")[0] == 200
    except OSError:
        return False


def is_read_while_database_queue_and_web_process_are_gone(house: Product, servers: Servers) -> None:
    paths = addresses(house)
    before = {path: house.get(path) for path in paths}
    assert len(paths) > 60
    assert {status for status, _headers, _text in before.values()} == {200}
    assert house.get("/readyz")[0] == 200

    for server in servers.running:
        server.stop()
    kill_web(house)
    wait_for(lambda: answers(house))

    for path, (_status, headers, text) in before.items():
        status, headers_now, text_now = house.get(path)
        assert status == 200, path
        assert text_now == text, path
        assert {**headers_now, "date": ""} == {**headers, "date": ""}, path
    assert "Nogle systemer" in house.get("/", Accept_Language="da")[2]
    assert "Some systems" in house.get("/", Accept_Language="en")[2]
    dynamic_pages_ask_for_patience(house)


def dynamic_pages_ask_for_patience(house: Product) -> None:
    """A plain page in the reader's language that leads to the published one."""
    wanted = {"da": "Gå til driftsstatus", "en": "Go to the status page"}
    with ThreadPoolExecutor() as readers:  # together: each waits for the database as long as a reader can be asked to
        ready = readers.submit(house.get, "/readyz")
        pages = list(readers.map(lambda language: house.get(f"/{language}/subscribe/"), wanted))
    for (language, words), (status, headers, text) in zip(wanted.items(), pages, strict=True):
        assert status == 503
        assert words in text
        assert f'<html lang="{language}">' in text
        assert f'href="/{language}/"' in text
        assert "retry-after" in headers
    assert ready.result()[0] == 503
