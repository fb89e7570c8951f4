"""The reader's switch between light and dark, made of CSS: it works without JavaScript and is kept nowhere. Pure.

Three radio buttons in the footer say it for the page view; `/da/#dark` and
`/da/#light` say it in the address, for a screen on the wall. `theme.js` carries the
choice along in the fragment from page to page, which no server is ever sent.
Browsers without `:has()` follow the system alone.
"""

import re

_LIGHT = re.compile(r":root \{(.*?)\n\}", re.DOTALL)
_DARK = re.compile(r"@media \(prefers-color-scheme: dark\) \{\s*:root \{(.*?)\}", re.DOTALL)
_COLOUR = re.compile(r"--[\w-]+:\s*[^;]+;")
# `:where` adds no weight: what follows (more contrast, paper) wins as it does over the system's choice.
_RULE = """\
:root:where(:has(.theme [value={theme}]:checked), {address}:has(.theme [value=system]:checked)) \
{{color-scheme:{theme};{colours}}}
"""
# The address's fragment names an element at the very top, so that nothing is scrolled to.
_ADDRESSES = {"light": ":target", "dark": ":has(> body:target)"}


def switch(tokens: str) -> str:
    """The rules of the switch, out of the style sheet that defines the colours of both papers."""
    dark = dict(_colours(_DARK, tokens))
    light = {name: value for name, value in _colours(_LIGHT, tokens) if name in dark}
    return _rule("light", light) + _rule("dark", dark)


def _colours(block: re.Pattern[str], tokens: str) -> list[tuple[str, str]]:
    found = block.search(tokens)
    if found is None:
        raise ValueError("tokens.css has no colours for one of the papers")
    pairs = (declared.rstrip(";").split(":", 1) for declared in _COLOUR.findall(found.group(1)))
    return [(name, value.strip()) for name, value in pairs]


def _rule(theme: str, colours: dict[str, str]) -> str:
    said = ";".join(f"{name}:{value}" for name, value in colours.items())
    return _RULE.format(theme=theme, address=_ADDRESSES[theme], colours=said)
