"""`/da/follow/`: every way to follow the page, with the addresses to copy."""

from collections.abc import Iterable

from django.template.loader import render_to_string

from ... import links
from ...models import Component
from .base import Edition, SingleDocument, Subjects
from .pages import PublicPage


class FollowPage(PublicPage, SingleDocument):
    """Lists the components, whose names belong to the page, so it changes only with the page."""

    template = "public/follow.html"
    picture = "follow"

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return []

    def path(self, key: str, language: str) -> str:
        return links.follow_page(language)

    def render(self, key: str, edition: Edition) -> str:
        snippets = {"page": edition.page, "language": edition.language}
        return self.render_template(
            key,
            edition,
            components=list(Component.objects.public().in_page_order()),
            badge_snippet=render_to_string("public/_badge_snippet.html", snippets).strip(),
            banner_snippet=render_to_string("public/_banner_snippet.html", snippets).strip(),
        )
