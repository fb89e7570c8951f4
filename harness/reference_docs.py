"""Writes docs/commands.md, docs/operations.md and the completions of shells from the code: `make reference`."""

from argparse import Action, ArgumentParser, _SubParsersAction
from pathlib import Path

import django
from django.core.management import load_command_class
from django.core.management.base import BaseCommand
from django.utils import translation

from harness import completion
from incidents.staff.sentences import SENTENCES
from statuspage.local.paths import ROOT

DOCS = Path(ROOT, "docs")
FOLDER = Path(ROOT, "incidents", "management", "commands")
GROUPS = {
    "Incidents and maintenance": ["incident", "maintenance"],
    "Operation": ["doctor", "scheduler", "publish", "components", "retention"],
    "Page as a file": ["apply", "dump_config"],
    "Backup": ["backup", "restore"],
    "Delivery": ["deliveries", "check_mail", "receive_bounce"],
    "Subscribers": ["import_subscribers", "export_subscribers"],
    "Staff": ["log_in_link", "second_factor", "audit"],
    "Agents": ["mcp"],
    "Development": ["load_sample", "messages"],
    "Former names": ["clock"],
}
_COMMANDS_HEAD = """\
# Commands

<!-- Written by `make reference` from incidents/management/commands; tests/test_docs.py compares. -->

The documentation writes `manage.py publish`. On a machine set up as in [install.md](install.md) that is
`statuspage-manage publish`, with containers `docker compose exec web python3 manage.py publish`, and with `make run`
`make manage ARGS=publish`. `manage.py help` lists the commands, `manage.py publish --help` the options of one.

All commands also have the options of Django: `--verbosity`, `--settings`, `--traceback`, `--no-color` and others. An
error is written to standard error and ends with exit code 1.

Of Django and RQ, these are needed as well:

| Command | Description |
|---|---|
| `check --deploy` | checks the settings; see [checks.md](checks.md) |
| `collectstatic --no-input` | copies styles and pictures of the newsroom and the forms to `VAR_DIR/static` |
| `migrate` | updates the schema of the database, unless the database is newer than the code; [upgrade.md](upgrade.md) |
| `createsuperuser` | adds an account with all rights |
| `changepassword NAME` | sets a password |
| `rqworker delivery messages requests` | a worker for email and sign-ups ([delivery.md](delivery.md)) |
| `rqworker posts` | a worker for webhooks |
"""
_OPERATIONS_HEAD = """\
# Operations

<!-- Written by `make reference` from incidents/staff/sentences.py; tests/test_docs.py compares. -->

Every change by staff, a command, an API token or the scheduler is an operation, and leaves an entry in the
[audit log](audit.md). The name is what `manage.py audit --export` prints as `operation`; the newsroom shows the
sentence, after the name of the actor and in the language of the reader.

| Name | Sentence |
|---|---|
"""


def pages() -> dict[Path, str]:
    """Return the files as they should be."""
    return {DOCS / "commands.md": commands(), DOCS / "operations.md": operations(), **completion.files()}


def operations() -> str:
    """Return the page of the operations in the audit log."""
    with translation.override("en"):
        return _OPERATIONS_HEAD + "".join(f"| `{name}` | {sentence} |\n" for name, sentence in SENTENCES.items())


def commands() -> str:
    """Return the page of the commands. One without a group comes last."""
    present = {path.stem for path in FOLDER.glob("*.py")} - {"__init__", "migrate"}  # migrate has Django's options
    rest = sorted(present.difference(*GROUPS.values()))
    groups = GROUPS | {"Others": rest} if rest else GROUPS
    found = {group: [name for name in names if name in present] for group, names in groups.items()}
    return _COMMANDS_HEAD + "".join(f"\n## {group}\n{''.join(map(_command, names))}" for group, names in found.items())


def _command(name: str) -> str:
    parser = load_command_class("incidents", name).create_parser("manage.py", name)
    of_django = {action.dest for action in BaseCommand().create_parser("manage.py", name)._actions}
    own = [action for action in parser._actions if action.dest not in of_django]
    actions = [action for action in own if isinstance(action, _SubParsersAction)]
    listed = "".join(_action(name, one, parser) for action in actions for one, parser in action.choices.items())
    return f"\n### {name}\n\n{parser.description}\n{_table([one for one in own if one not in actions])}{listed}"


def _action(command: str, name: str, parser: ArgumentParser) -> str:
    own = [action for action in parser._actions if action.dest != "help"]
    return f"\n#### {command} {name}\n\n{parser.description}\n{_table(own)}"


def _table(arguments: list[Action]) -> str:
    rows = "".join(f"| {_usage(argument)} | {_help(argument)} |\n" for argument in arguments)
    return f"\n| Argument | Description |\n|---|---|\n{rows}" if rows else ""


def _help(action: Action) -> str:
    return str(action.help or "") % vars(action)


def _usage(action: Action) -> str:
    value = action.metavar or (f"{{{','.join(map(str, action.choices))}}}" if action.choices else action.dest.upper())
    if not action.option_strings:
        return f"`{value}`"
    value = "" if action.nargs == 0 else f" [{value}]" if action.nargs == "?" else f" {value}"
    return ", ".join(f"`{option}{value}`" for option in action.option_strings)


if __name__ == "__main__":
    django.setup()
    for page, text in pages().items():
        page.write_text(text, encoding="utf-8")
