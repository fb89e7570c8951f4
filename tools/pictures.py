"""What a screenshot shows."""

from collections.abc import Callable
from dataclasses import dataclass

from playwright.sync_api import Page

WIDE, PHONE = 1280, 390


@dataclass(frozen=True)
class Picture:
    """One screenshot.

    `path` may contain `{incident}`, the id of the incident with Microsoft 365. The path of
    an email is the name of a file that tools/sample_emails.py writes. `act` is what somebody
    does on the page first. `of` names the elements to show, instead of the top of the page.
    """

    name: str
    path: str
    width: int = WIDE
    scheme: str = "light"
    whole: bool = False
    staff: bool = False
    paper: bool = False
    email: bool = False
    language: str = "da"
    of: tuple[str, ...] = ()
    act: Callable[[Page], None] | None = None
