"""The text format of Prometheus, version 0.0.4, and who may read it."""

import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import accumulate

from .definitions import Metric

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
INFINITY = "+Inf"


@dataclass
class Distribution:
    """How many values fell into each bucket of a histogram, the last one without a bound, and their sum."""

    counts: list[int]
    total: float = field(default=0.0)

    @classmethod
    def empty(cls, metric: Metric) -> "Distribution":
        return cls([0] * (len(metric.buckets) + 1))


# Values by the values of the metric's labels.
Labels = tuple[str, ...]
Values = Mapping[Labels, float | Distribution]
Family = tuple[Metric, Values]


def single(metric: Metric, value: float | Distribution) -> Family:
    """Return a metric without labels."""
    return metric, {(): value}


def render(families: Iterable[Family]) -> str:
    return "".join(line for metric, values in families for line in _lines(metric, values))


def may_read(token: str, authorization: str) -> bool:
    """Whether the value of the Authorization header has the token, with the scheme Bearer."""
    # The scheme is case-insensitive (RFC 9110 §11.1).
    scheme, _space, given = authorization.partition(" ")
    same = hmac.compare_digest(given.strip(" ").encode("utf-8", "replace"), token.encode())
    return scheme.lower() == "bearer" and same


def _lines(metric: Metric, values: Values) -> Iterator[str]:
    yield f"# HELP {metric.full_name} {_escaped_help(metric.description)}\n"
    yield f"# TYPE {metric.full_name} {metric.kind}\n"
    for key, value in values.items():
        labels = list(zip(metric.labels, key, strict=True))
        if isinstance(value, Distribution):
            yield from _histogram_lines(metric, labels, value)
        else:
            yield f"{metric.full_name}{_labels(labels)} {_number(value)}\n"


def _histogram_lines(metric: Metric, labels: list[tuple[str, str]], value: Distribution) -> Iterator[str]:
    bounds = [*map(bucket, metric.buckets), INFINITY]
    for bound, number in zip(bounds, accumulate(value.counts), strict=True):
        yield f"{metric.full_name}_bucket{_labels([*labels, ('le', bound)])} {number}\n"
    yield f"{metric.full_name}_sum{_labels(labels)} {_number(value.total)}\n"
    yield f"{metric.full_name}_count{_labels(labels)} {sum(value.counts)}\n"


def bucket(bound: float) -> str:
    """Return the label of a bucket."""
    return f"{bound:g}"


def _labels(labels: list[tuple[str, str]]) -> str:
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels)
    return f"{{{inner}}}" if inner else ""


def _number(value: float) -> str:
    # All digits: six of them would hide the changes of a counter of millions.
    return str(value) if isinstance(value, int) else f"{value:.6f}"


def _escaped_help(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n")


def _escaped(value: str) -> str:
    return _escaped_help(value).replace('"', r"\"")
