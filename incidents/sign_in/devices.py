"""The name of a browser and its operating system, from the header User-Agent."""

import re

# The first pattern that matches decides: other browsers claim to be Chrome and Safari, too.
_BROWSERS = (
    (r"\bEdg(?:e|A|iOS)?/", "Edge"),
    (r"\b(?:OPR|Opera)/", "Opera"),
    (r"\bVivaldi/", "Vivaldi"),
    (r"\bSamsungBrowser/", "Samsung Internet"),
    (r"\b(?:Firefox|FxiOS)/", "Firefox"),
    (r"\b(?:Chrome|CriOS|Chromium)/", "Chrome"),
    (r"\bVersion/\S+.*\bSafari/", "Safari"),
    (r"\bcurl/", "curl"),
)
_SYSTEMS = (
    (r"\biPhone\b", "iPhone"),
    (r"\biPad\b", "iPad"),
    (r"\bAndroid\b", "Android"),
    (r"\bWindows\b", "Windows"),
    (r"\bCrOS\b", "ChromeOS"),
    (r"\bMacintosh\b|\bMac OS X\b", "macOS"),
    (r"\bLinux\b", "Linux"),
)
_LONGEST = 500


def browser_and_system(user_agent: str) -> tuple[str, str]:
    """Return names such as `("Firefox", "Windows")`; each is empty if it is unknown."""
    shortened = user_agent[:_LONGEST]
    return _first(_BROWSERS, shortened), _first(_SYSTEMS, shortened)


def _first(patterns: tuple[tuple[str, str], ...], text: str) -> str:
    return next((name for pattern, name in patterns if re.search(pattern, text)), "")
