"""`python -m benchmarks NAME …` runs a benchmark, prints a line per figure and adds it to results.csv.

The exit code is 1 if a figure misses its aim. `all` runs every benchmark, or those named after it, and keeps the
figures in results/; `plot` draws results.svg; `page` writes docs/performance.md.
"""

import ast
import importlib
import sys
from pathlib import Path

from benchmarks.all import run_all
from benchmarks.page import write_page
from benchmarks.plot import draw
from benchmarks.results import HERE, TABLE, Missing, is_busy, record

# Modules of this folder that are not benchmarks.
_NOT_BENCHMARKS = {"__init__", "__main__", "all", "page", "plot", "results"}
_OTHERS = {
    "all": "Runs every benchmark, or those named in ARGS, and keeps the figures in results/.",
    "page": "Writes docs/performance.md from the newest kept figures.",
    "plot": "Draws all results as results.svg.",
}
USAGE_ERROR = 2


def main(arguments: list[str]) -> int:
    table = TABLE
    if arguments and arguments[0].startswith("--table="):  # from `all`
        table = Path(arguments.pop(0).partition("=")[2])
    if not arguments or arguments[0] not in {*names(), *_OTHERS}:
        print(usage(), file=sys.stderr)
        return USAGE_ERROR
    name, *options = arguments
    if name == "all":
        return _all(options)
    if name in {"page", "plot"}:
        print(draw() if name == "plot" else write_page())
        return 0
    return measure(name, options, table)


def _all(chosen: list[str]) -> int:
    if set(chosen) - set(names()):
        print(usage(), file=sys.stderr)
        return USAGE_ERROR
    code = run_all(chosen or names(), busy=warn_if_busy(), whole=not chosen)
    print(f"{write_page()} shows them.")
    return code


def names() -> list[str]:
    return sorted(file.stem for file in HERE.glob("*.py") if file.stem not in _NOT_BENCHMARKS)


def usage() -> str:
    lines = ["usage: make bench NAME=… ARGS=…, or python -m benchmarks NAME [OPTION …]", ""]
    for name in names():
        tree = ast.parse((HERE / f"{name}.py").read_text(encoding="utf-8"))
        lines.append(f"  {name:<13} {(ast.get_docstring(tree) or '').partition(chr(10))[0]}")
    return "\n".join([*lines, "", *(f"  {name:<13} {text}" for name, text in _OTHERS.items())])


def measure(name: str, options: list[str], table: Path = TABLE) -> int:
    """Run the module of that name: its `run(options)` returns the figures."""
    busy = warn_if_busy()
    try:
        figures = importlib.import_module(f"benchmarks.{name}").run(options)
    except Missing as error:
        print(error, file=sys.stderr)
        return USAGE_ERROR
    record(name, figures, table, options, busy)
    for figure in figures:
        print(figure.line(name))
    return 0 if all(figure.is_met for figure in figures) else 1


def warn_if_busy() -> str:
    if busy := is_busy():
        print("Warning: this machine is busy with other work, so the results are not reliable.", file=sys.stderr)
    return busy


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
