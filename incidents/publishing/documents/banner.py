"""`/da/banner/`: the overall state in one line, the only document that other sites may frame (headers.py)."""

from collections.abc import Iterable

from ... import links
from ...models import Incident, overall_status
from .base import Edition, SingleDocument, Subjects
from .pages import PublicPage


class Banner(PublicPage, SingleDocument):
    template = "public/banner.html"

    def touched(self, subjects: Subjects) -> Iterable[str]:
        return [""] if subjects.of("component") or subjects.of("incident") else []

    def path(self, key: str, language: str) -> str:
        return links.banner(language)

    def render(self, key: str, edition: Edition) -> str:
        ongoing = Incident.objects.public().ongoing().newest_first()
        return self.render_template(key, edition, state=edition.shared(overall_status), incident=ongoing.first())
