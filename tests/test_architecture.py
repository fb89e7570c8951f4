"""Rules of the code that a program can check: see CONTRIBUTING.md for the reasons."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(
    path
    for folder in ("incidents", "statuspage")
    for path in (ROOT / folder).rglob("*.py")
    if "migrations" not in path.parts
)
TREES = {path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8")) for path in MODULES}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def functions() -> Iterator[tuple[str, Function]]:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, Function):
                yield f"{name}:{node.lineno} {node.name}", node


def test_imports_go_down_only() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_no_function_is_longer_than_fifty_lines() -> None:
    assert [name for name, node in functions() if (node.end_lineno or 0) - node.lineno >= 50] == []


def test_no_module_is_longer_than_three_hundred_lines() -> None:
    long = [path.relative_to(ROOT).as_posix() for path in MODULES if len(path.read_text().splitlines()) > 300]
    assert long == []


def test_imports_stand_at_the_top() -> None:
    inside = [
        name for name, node in functions() for inner in ast.walk(node) if isinstance(inner, ast.Import | ast.ImportFrom)
    ]
    assert inside == []


def test_nothing_happens_by_signal_and_no_model_does_business_in_save() -> None:
    hidden = [name for name, tree in TREES.items() for node in ast.walk(tree) if _imports_signals(node)]
    saves = [name for name, node in functions() if "/models/" in name and node.name == "save"]
    assert hidden + saves == []


@pytest.mark.parametrize(("library", "modules"), [("bleach", {"safe_html"}), ("markdown", {"dialect", "blocks"})])
def test_markup_libraries_are_used_in_few_modules(library: str, modules: set[str]) -> None:
    users = {name for name, tree in TREES.items() for node in ast.walk(tree) if library in _imported(node)}
    assert users == {f"incidents/markup/{module}.py" for module in modules}


def test_each_class_name_is_used_once() -> None:
    classes = [
        node.name
        for name, tree in TREES.items()
        if "/commands/" not in name
        for node in tree.body
        if isinstance(node, ast.ClassDef)
    ]
    assert sorted(name for name in set(classes) if classes.count(name) > 1) == []


def test_architecture_names_every_package_and_only_files_that_exist() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = re.findall(r"`((?:[a-z_]+/)+[a-z_]+\.(?:py|html))`", text)
    assert named
    assert [path for path in named if not ((ROOT / "incidents" / path).exists() or (ROOT / path).exists())] == []
    folders = {path.name for path in (ROOT / "incidents").iterdir() if (path / "__init__.py").exists()}
    missing = {name for name in folders - {"migrations"} if f"`{name}`" not in text and f"`{name}/`" not in text}
    assert missing == set()


def _imports_signals(node: ast.AST) -> bool:
    return isinstance(node, ast.ImportFrom) and node.module is not None and "signals" in node.module


def _imported(node: ast.AST) -> set[str]:
    if isinstance(node, ast.Import):
        return {alias.name.split(".")[0] for alias in node.names}
    return {(node.module or "").split(".")[0]} if isinstance(node, ast.ImportFrom) and node.level == 0 else set()
