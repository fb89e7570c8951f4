"""`/da/banner/`: the overall state and what causes it, the only document that other sites may frame (headers.py)."""

from collections.abc import Iterable

from ... import links
from ...models import cause_of, overall_status
from .base import Edition, SingleDocument, Subjects
from .pages import PublicPage, shown_state


class Banner(PublicPage, SingleDocument):
    template = "public/banner.html"

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return [""] if subjects.of("component") or subjects.of("incident") else []

    def path(self, key: str, language: str) -> str:
        return links.banner(language)

    def render(self, key: str, edition: Edition) -> str:
        cause = edition.shared(cause_of, edition.shared(overall_status))
        return self.render_template(key, edition, state=edition.shared(shown_state), cause=cause)
