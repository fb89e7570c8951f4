"""The reader's switch between light and dark, in CSS: it works without JavaScript and stores nothing. Pure.

Three radio buttons in the footer choose the theme of the current page view; `/da/#dark`
and `/da/#light` choose it in the address, for screens on a wall. `theme.js` passes the
choice from page to page in the fragment, which browsers never send to a server.
Browsers without `:has()` use the theme of the system.
"""

import re
from collections.abc import Mapping

_LIGHT = re.compile(r":root \{(.*?)\n\}", re.DOTALL)
_DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}", re.DOTALL)
_COLOUR = re.compile(r"--[\w-]+:\s*[^;]+;")
# `:where` adds no specificity, so later rules (more contrast, print) override it as they override the system's theme.
# The fragment names an element at the top of the page, so that the browser does not scroll.
_SWITCH = {
    theme: f":root:where(:has(.theme [value={theme}]:checked), {address}:has(.theme [value=system]:checked))"
    for theme, address in {"light": ":target", "dark": ":has(> body:target)"}.items()
}
# Django's own switch in the admin.
ADMIN_SWITCH = {theme: f":root:where([data-theme={theme}])" for theme in ("light", "dark")}


def theme_rules(tokens: str, selectors: Mapping[str, str] = _SWITCH) -> str:
    """Return the rules of a switch, made from the style sheet with the colours of both themes."""
    dark = dict(_colours(_DARK, tokens))
    light = {name: value for name, value in _colours(_LIGHT, tokens) if name in dark}
    return _rule(selectors["light"], "light", light) + _rule(selectors["dark"], "dark", dark)


def _colours(block: re.Pattern[str], tokens: str) -> list[tuple[str, str]]:
    match = block.search(tokens)
    if match is None:
        raise ValueError("tokens.css lacks the colours of a theme")
    pairs = (declaration.rstrip(";").split(":", 1) for declaration in _COLOUR.findall(match.group(1)))
    return [(name, value.strip()) for name, value in pairs]


def _rule(selector: str, theme: str, colours: dict[str, str]) -> str:
    declarations = ";".join(f"{name}:{value}" for name, value in colours.items())
    return f"{selector} {{color-scheme:{theme};{declarations}}}\n"
