"""`python -m benchmarks NAME …`: measure, add to the table, print a line per figure; 1 if one misses its aim.

`python -m benchmarks plot` draws the table as results.svg.
"""

import importlib
import os
import sys

from .plot import draw
from .results import HERE, Missing, record

# Modules of this folder that measure nothing themselves.
_HELPERS = {"__init__", "__main__", "plot", "results"}
WRONG = 2


def main(arguments: list[str]) -> int:
    names = sorted(file.stem for file in HERE.glob("*.py") if file.stem not in _HELPERS)
    if not arguments or arguments[0] not in {*names, "plot"}:
        print(f"usage: python -m benchmarks plot | {' | '.join(names)} [options]", file=sys.stderr)
        return WRONG
    name, *options = arguments
    if name == "plot":
        print(draw())
        return 0
    return measure(name, options)


def measure(name: str, options: list[str]) -> int:
    """Each benchmark is a module with `run(options)`, which returns its figures."""
    if os.getloadavg()[0] > (os.cpu_count() or 1):
        print("This machine is busy with something else: do not trust what follows.", file=sys.stderr)
    try:
        figures = importlib.import_module(f"benchmarks.{name}").run(options)
    except Missing as error:
        print(error, file=sys.stderr)
        return WRONG
    record(name, figures)
    for figure in figures:
        print(figure.line(name))
    return 0 if all(figure.is_met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
