"""Takes the screenshots of the documentation, with the sample data: `make screenshots`.

`make screenshots ARGS=handbook` takes only those whose name begins with “handbook”.

Starts the product as `make run` does, in a folder of its own, and opens it in Chromium.
PICTURES lists what is shown, and how.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Browser, FloatRect, Page
from tqdm import tqdm

from harness.browser import launch
from harness.product import PASSWORD, Product, run_environment
from statuspage.local.paths import ROOT
from statuspage.local.servers import Servers
from tools import handbook_pictures
from tools.fonts import require_font
from tools.pictures import PHONE, Picture

IMAGES = ROOT / "docs" / "images"
LOCALES = {"da": "da-DK", "en": "en-GB"}
# Around the elements that a picture shows.
MARGIN = 16


def write(page: Page) -> None:
    """A template, and a status of a component."""
    page.locator("[name=template]").select_option(index=1)
    page.locator(".component-rows select").first.select_option("partial_outage")
    page.locator("form:not([data-stale]) [data-forecast]").wait_for()


def collide(page: Page) -> None:
    """Somebody else saves the same details first."""
    other = page.context.new_page()
    other.goto(page.url)
    for tab, text in ((other, "Mail til adresser hos Outlook og Hotmail."), (page, "Al mail til Microsoft 365.")):
        tab.fill("[name=scope_da]", text)
        with tab.expect_navigation():
            tab.locator(".submit-row [type=submit]").first.click()
    other.close()


def deliver(page: Page) -> None:
    """An update is published, and its announcement delivered after the hold."""
    page.fill("[name=text_da]", "Microsoft har fjernet spærringen. Mail kommer frem igen.")
    page.fill("[name=text_en]", "Microsoft has lifted the block. Mail is arriving again.")
    page.check("[name=notify][value=yes]")
    with page.expect_navigation():
        page.click("[value=publish]")
    panel = page.locator(".panel").first
    panel.locator("text=Færdig").first.wait_for(timeout=90_000)
    page.locator("form.held").wait_for(state="detached", timeout=90_000)
    panel.scroll_into_view_if_needed()


PICTURES = [
    Picture("home", "/da/"),
    Picture("home-dark", "/en/", scheme="dark"),
    Picture("home-phone", "/da/", width=PHONE),
    Picture("incident", "/da/incidents/{incident}/"),
    Picture("incident-phone-dark", "/en/incidents/{incident}/", width=PHONE, scheme="dark"),
    Picture("incident-paper", "/da/incidents/{incident}/", paper=True, whole=True),
    Picture("history", "/en/history/"),
    Picture("maintenance", "/da/maintenance/"),
    Picture("follow", "/da/follow/"),
    Picture("follow-phone-dark", "/en/follow/", width=PHONE, scheme="dark"),
    Picture("subscribe", "/da/subscribe/"),
    Picture("email", "identified-da.html", width=700, email=True),
    Picture("email-resolved-phone-dark", "resolved-en.html", width=PHONE, scheme="dark", email=True),
    Picture("email-postmortem", "postmortem-da.html", width=700, email=True),
    Picture("email-maintenance", "scheduled-da.html", width=700, email=True),
    Picture("email-confirmation", "confirmation-en.html", width=700, email=True),
    Picture("log-in", "/admin/login/"),
    Picture("newsroom", "/admin/", staff=True),
    Picture("newsroom-phone-dark", "/admin/", width=PHONE, scheme="dark", staff=True),
    Picture("incidents", "/admin/incidents/incident/", staff=True),
    Picture("incidents-phone", "/admin/incidents/incident/", width=PHONE, staff=True),
    Picture("composer", "/admin/incidents/incident/add/", staff=True, act=write),
    Picture("composer-phone", "/admin/incidents/incident/add/", width=PHONE, staff=True, act=write),
    # The last ones change what others would show.
    Picture("collision", "/admin/incidents/incident/{incident}/details/", staff=True, act=collide),
    Picture("delivery", "/admin/incidents/incident/{incident}/update/", staff=True, act=deliver),
    *handbook_pictures.PICTURES,
]


def main() -> None:
    require_font()
    beginnings = tuple(sys.argv[1:]) or ("",)
    pictures = [picture for picture in PICTURES if picture.name.startswith(beginnings)]
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o711)  # PostgreSQL does not run as root and must be able to enter
        with Servers(folder / "servers", os.environ, lasting=False), launch() as browser:
            product = Product(folder / "product", sample_data=True)
            product.start()
            try:
                add_subscribers(product, folder / "subscribers.csv")
                emails = write_sample_emails(product, folder / "emails")
                for picture in tqdm(pictures, unit=" pictures", disable=None):
                    take(browser, product, picture, emails)
            finally:
                product.stop()
    print(f"{len(pictures)} pictures in {IMAGES}")


def add_subscribers(product: Product, file: Path) -> None:
    """For the sentences that say how many are notified, and the panel of an announcement."""
    languages = ["da"] * 140 + ["en"] * 62
    rows = [f"reader{number}@example.com,{language}\n" for number, language in enumerate(languages)]
    file.write_text("email,language\n" + "".join(rows), encoding="utf-8")
    run(product, "manage.py", "import_subscribers", str(file), "--by=admin", "--consent=sample")


def write_sample_emails(product: Product, folder: Path) -> Path:
    """Returns the folder, with the emails of the sample data in it."""
    folder.mkdir()
    run(product, "-m", "tools.sample_emails", str(folder))
    return folder


def run(product: Product, *command: str) -> None:
    """Run Python with the product's data."""
    variables = run_environment(product.variables) | {
        "DJANGO_SETTINGS_MODULE": "statuspage.settings",
        "SECRET_KEY": "a-key-for-pictures-that-signs-nothing",
    }
    subprocess.run([sys.executable, *command], cwd=ROOT, env=variables, check=True)  # noqa: S603 (our own command)


def take(browser: Browser, product: Product, picture: Picture, emails: Path) -> None:
    context = browser.new_context(
        viewport={"width": picture.width, "height": 900},
        color_scheme="dark" if picture.scheme == "dark" else "light",
        locale=LOCALES[picture.language],
        timezone_id="Europe/Copenhagen",
    )
    page = context.new_page()
    if picture.staff:
        log_in(page, product)
    if picture.paper:
        page.emulate_media(media="print")
    if picture.email:
        page.goto((emails / picture.path).as_uri())
    else:
        page.goto(product.url + picture.path.format(incident=microsoft_incident(product)))
    if picture.act:
        picture.act(page)
    file = IMAGES / f"{picture.name}.png"
    if picture.of:
        page.screenshot(path=file, full_page=True, clip=around(page, picture.of))
    else:
        page.screenshot(path=file, full_page=picture.whole or picture.email)
    context.close()


def around(page: Page, selectors: tuple[str, ...]) -> FloatRect:
    """The rectangle of the page that contains the first element of each selector."""
    page.evaluate("scrollTo(0, 0)")
    boxes = [box for selector in selectors if (box := page.locator(selector).first.bounding_box())]
    left, top = min(box["x"] for box in boxes) - MARGIN, min(box["y"] for box in boxes) - MARGIN
    right, bottom = max(box["x"] + box["width"] for box in boxes), max(box["y"] + box["height"] for box in boxes)
    return {"x": left, "y": top, "width": right - left + MARGIN, "height": bottom - top + MARGIN}


def log_in(page: Page, product: Product) -> None:
    page.goto(f"{product.url}/admin/login/?next=/admin/")
    page.fill("[name=username]", "admin")
    page.fill("[name=password]", PASSWORD)
    page.press("[name=password]", "Enter")
    page.wait_for_url(f"{product.url}/admin/")


def microsoft_incident(product: Product) -> str:
    """The id of the Microsoft 365 incident, found in the public store."""
    pages = (Path(product.variables["PUBLIC_ROOT"]) / "da" / "incidents").glob("*/index.html")
    return next(page.parent.name for page in pages if "451 4.7.500" in page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
