"""A session is recognised by the names of browser and operating system."""

import pytest

from incidents.sign_in.devices import browser_and_system

WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7)"
WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (f"{WINDOWS}; rv:133.0) Gecko/20100101 Firefox/133.0", ("Firefox", "Windows")),
        (f"{WINDOWS}) {WEBKIT} Chrome/131.0.0.0 Safari/537.36", ("Chrome", "Windows")),
        (f"{WINDOWS}) {WEBKIT} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0", ("Edge", "Windows")),
        (f"{WINDOWS}) {WEBKIT} Chrome/131.0.0.0 Safari/537.36 OPR/115.0.0.0", ("Opera", "Windows")),
        (f"{MAC} AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", ("Safari", "macOS")),
        (f"Mozilla/5.0 (X11; Linux x86_64) {WEBKIT} Chrome/131.0.0.0 Safari/537.36", ("Chrome", "Linux")),
        (f"Mozilla/5.0 (Linux; Android 14) {WEBKIT} Chrome/131.0.0.0 Mobile Safari/537.36", ("Chrome", "Android")),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko)"
            " Version/18.1 Mobile/15E148 Safari/604.1",
            ("Safari", "iPhone"),
        ),
        ("curl/8.5.0", ("curl", "")),
        ("", ("", "")),
        ("<script>alert(1)</script>" + "x" * 10_000, ("", "")),
    ],
)
def test_browser_and_system_are_named(header: str, names: tuple[str, str]) -> None:
    assert browser_and_system(header) == names
