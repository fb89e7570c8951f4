"""Sphinx's settings for `make docs`; harness/documentation.py calls Sphinx with them."""

from typing import Any

from statuspage import __version__

project = html_title = f"Status page {__version__}"
language = "en"
root_doc = "index"
extensions = ["myst_parser"]
myst_heading_anchors = 4  # links to headings as code hosts make them
nitpicky = True
smartquotes = False  # it would change the dashes of options
highlight_language = "none"  # indented examples are in many languages
html_theme = "furo"
html_static_path = ["style"]
html_css_files = ["tables.css"]
html_show_copyright = False
html_show_sourcelink = html_copy_source = False
html_last_updated_fmt = None  # the same input gives the same pages


def set_language(_app: Any, page: str, _template: str, context: dict[str, Any], _doctree: Any) -> None:
    """Tell browsers and screen readers that `handbook/da` is in Danish."""
    if page.endswith("/da"):
        context["language"] = "da"


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("html-page-context", set_language)
