"""How long a target is fuzzed: a fixed number of inputs, or FUZZ_MINUTES per test file with new inputs."""

import os
import random
from collections.abc import Callable, Iterator, Sequence
from time import monotonic

import pytest

from . import corpus
from .mutation import Mutator
from .tracing import Tracer

MINUTES = float(os.environ.get("FUZZ_MINUTES", "0"))
_SEED = 20_261_126


def fuzz(
    name: str,
    call: Callable[[bytes], object],
    *,
    seeds: Sequence[bytes],
    words: Sequence[bytes] = (),
    number: int,
    longest: int = 20_000,
    share: float = 1.0,
    is_traced: bool = True,
) -> None:
    """Call with the seeds, the corpus and new inputs; fail with the first input that raises, and keep it.

    `number` new inputs are made, or as many as fit in a `share` of FUZZ_MINUTES. A long run is always
    traced; otherwise tracing can be left out where it takes most of the time.
    """
    tracer = Tracer() if MINUTES or is_traced else None
    mutator = Mutator([*seeds, *corpus.read(name)], words, longest, random.Random(None if MINUTES else _SEED))
    for known in list(mutator.inputs):
        _try(name, call, known, tracer)
    found = []
    for made in _inputs(mutator, number, share):
        if _try(name, call, made, tracer):
            mutator.keep(made)
            found.append(made)
    if MINUTES:
        corpus.add(name, found)


def _inputs(mutator: Mutator, number: int, share: float) -> Iterator[bytes]:
    if not MINUTES:
        yield from (mutator.next() for _ in range(number))
        return
    end = monotonic() + MINUTES * 60 * share
    while monotonic() < end:
        yield mutator.next()


def _try(name: str, call: Callable[[bytes], object], made: bytes, tracer: Tracer | None) -> bool:
    try:
        if tracer is not None:
            return tracer.run(lambda: call(made))
        call(made)
    except Exception as error:
        corpus.add(name, [made], longest=float("inf"))
        raise pytest.fail.Exception(f"{name}({made[:2_000]!r}): {error!r}") from error
    return False
