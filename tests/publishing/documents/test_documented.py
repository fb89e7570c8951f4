"""docs/publishing.md lists every kind of document with its actual address."""

import re
from pathlib import Path

from incidents.publishing.documents.registry import DOCUMENTS
from statuspage.local.paths import ROOT

TABLE = dict(
    re.findall(
        r"^\| `(\w+)` \| (.+?) \| .+ \|$", Path(ROOT, "docs", "publishing.md").read_text(encoding="utf-8"), re.MULTILINE
    )
)
# A key of each kind that has keys, and its placeholder in the table.
KEYS = {
    "ApiDocument": "summary",
    "CalendarEvent": "<id>",
    "IncidentPage": "<id>",
    "HistoryMonth": "2023-10",
    "ComponentPage": "<slug>",
    "ComponentFeed": "<slug>",
    "Sitemap": "2023",
}


def test_table_has_exactly_the_kinds_of_documents() -> None:
    assert set(TABLE) == {type(document).__name__ for document in DOCUMENTS}


def test_every_address_is_in_the_table() -> None:
    for document in DOCUMENTS:
        kind = type(document).__name__
        if kind not in {"Assets", "LogoFile", "SocialPicture"}:  # hashes
            path = document.path(KEYS.get(kind, ""), "da")
            assert f"`{path}`" in TABLE[kind] or f"`….{path.rpartition('.')[2]}`" in TABLE[kind], path
