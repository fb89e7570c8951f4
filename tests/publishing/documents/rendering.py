"""Rendering one document, and reading its text."""

import re

from django.utils import timezone, translation

from incidents.models import Page
from incidents.publishing.documents.base import Document, Edition


def rendered(document: Document, key: str = "", language: str = "en") -> str:
    with translation.override(language), timezone.override("Europe/Copenhagen"):
        content = document.render(key, Edition(Page.objects.current(), language))
    assert isinstance(content, str)
    return content


def words(html: str) -> str:
    """Return the text of a page without markup, with single spaces that may break."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).replace("\N{WORD JOINER}", "").split())
