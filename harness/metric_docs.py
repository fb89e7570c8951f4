"""Writes the table of docs/metrics.md from the definitions: `python -m harness.metric_docs`."""

from pathlib import Path

from incidents.metrics import definitions
from incidents.metrics.definitions import Metric

PAGE = Path(__file__).parent.parent / "docs" / "metrics.md"
BEGIN, END = "<!-- metrics: written by harness/metric_docs.py -->\n", "<!-- end of metrics -->\n"
_GROUPS = {
    "Web server": definitions.OF_WEB_SERVER,
    "Django": definitions.OF_APPLICATION,
    "Publishing": definitions.OF_PUBLISHING,
    "Delivery": definitions.OF_DELIVERY,
    "Staff and scheduler": definitions.OF_STAFF_AND_SCHEDULER,
    "Backup": definitions.OF_BACKUP,
    "Queue and workers": definitions.OF_QUEUE,
}


def with_table(page: str) -> str:
    """Return the page with the present table between the two comments."""
    before, _begin, rest = page.partition(BEGIN)
    return f"{before}{BEGIN}\n{table()}\n{END}{rest.partition(END)[2]}"


def table() -> str:
    """Return the table of all metrics, in Markdown."""
    head = "| Metric (prefix `statuspage_`) | Type | Description |\n|---|---|---|\n"
    return head + "".join(f"| **{group}** | | |\n" + "".join(map(_row, metrics)) for group, metrics in _GROUPS.items())


def _row(metric: Metric) -> str:
    labels = f"{{{', '.join(metric.labels)}}}" if metric.labels else ""
    return f"| `{metric.name}{labels}` | {metric.kind} | {metric.description} |\n"


if __name__ == "__main__":
    PAGE.write_text(with_table(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
