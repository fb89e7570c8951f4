"""`python -m benchmarks NAME …` runs a benchmark, prints a line per figure and adds it to results.csv.

The exit code is 1 if a figure misses its aim. `python -m benchmarks plot` draws results.svg.
"""

import ast
import importlib
import os
import sys

from benchmarks.plot import draw
from benchmarks.results import HERE, Missing, record

# Modules of this folder that are not benchmarks.
_NOT_BENCHMARKS = {"__init__", "__main__", "plot", "results"}
USAGE_ERROR = 2


def main(arguments: list[str]) -> int:
    if not arguments or arguments[0] not in {*names(), "plot"}:
        print(usage(), file=sys.stderr)
        return USAGE_ERROR
    name, *options = arguments
    if name == "plot":
        print(draw())
        return 0
    return measure(name, options)


def names() -> list[str]:
    return sorted(file.stem for file in HERE.glob("*.py") if file.stem not in _NOT_BENCHMARKS)


def usage() -> str:
    lines = ["usage: make bench NAME=… ARGS=…, or python -m benchmarks NAME [OPTION …]", ""]
    for name in names():
        tree = ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))
        lines.append(f"  {name:<13} {(ast.get_docstring(tree) or '').partition(chr(10))[0]}")
    return "\n".join([*lines, f"  {'plot':<13} Draws the results of all runs as results.svg."])


def measure(name: str, options: list[str]) -> int:
    """Run the module of that name: its `run(options)` returns the figures."""
    if os.getloadavg()[0] > (os.cpu_count() or 1):
        print("Warning: this machine is busy with other work, so the results are not reliable.", file=sys.stderr)
    try:
        figures = importlib.import_module(f"benchmarks.{name}").run(options)
    except Missing as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR
    record(name, figures)
    for figure in figures:
        print(figure.line(name))
    return 0 if all(figure.is_met for figure in figures) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
