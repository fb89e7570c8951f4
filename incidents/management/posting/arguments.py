"""The options of the subcommands, and how their help is laid out."""

import textwrap
from argparse import ArgumentParser, BooleanOptionalAction, RawDescriptionHelpFormatter
from collections.abc import Iterable
from typing import Any

from django.conf import settings

from .errors import EXIT_CODES

ACTION = "action"


def add_actions(parser: ArgumentParser, examples: str) -> Any:
    """Let a command have subcommands; return what adds them."""
    parser.formatter_class = RawDescriptionHelpFormatter
    parser.epilog = f"examples:\n{examples}\n{textwrap.fill(EXIT_CODES, 80)}"
    return parser.add_subparsers(dest=ACTION, required=True, metavar="ACTION", title="actions")


def add_action(actions: Any, name: str, help_text: str) -> ArgumentParser:
    """Add a subcommand; the help is its description, too."""
    added: ArgumentParser = actions.add_parser(name, help=help_text, description=help_text, allow_abbrev=False)
    return added


def names(states: Iterable[str]) -> list[str]:
    """Return states as choices of an option: argparse prints them as they are."""
    return [str(state) for state in states]


def add_id(parser: ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="Its id, or the beginning of it.")


def add_texts(parser: ArgumentParser, *, has_title: bool = False) -> None:
    """Add the options for texts, one for each language of the page."""
    for code, _name in settings.LANGUAGES:
        if has_title:
            parser.add_argument(
                f"--title-{code}", dest=f"title_{code}", metavar="TITLE", help=f"The title in the language “{code}”."
            )
        parser.add_argument(
            f"--{code}", dest=f"text_{code}", metavar="TEXT", help=f"The text in the language “{code}”, in Markdown."
        )
    parser.add_argument(
        "--file",
        metavar="PATH",
        help="Read the texts from a file, with a heading such as [text da] above each; “-” is standard input. Without "
        "any text, $EDITOR opens such a file.",
    )


def add_posting(parser: ArgumentParser, *, can_be_draft: bool = True) -> None:
    """Add the options of what readers and subscribers get."""
    parser.add_argument(
        "--notify",
        action=BooleanOptionalAction,
        help="Whether subscribers are notified; they are unless you say otherwise.",
    )
    if can_be_draft:
        parser.add_argument("--draft", action="store_true", help="Save a draft for the newsroom; publish nothing.")
    parser.add_argument(
        "--dry-run",
        action="store_true",
        help="Print what readers and subscribers would get. Nothing is stored, published or sent.",
    )


def add_output(parser: ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="Print JSON in the format of the API.")


def add_actor(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--by",
        metavar="USERNAME",
        help="The staff account that acts, with its rights. Without it, the audit log names the command.",
    )


def add_list(parser: ArgumentParser) -> None:
    """Add the options of `list`."""
    parser.add_argument("--all", action="store_true", help="Also those that are over or withdrawn.")
    parser.add_argument("--limit", type=int, default=20, metavar="NUMBER", help="List at most so many (default: 20).")
    add_output(parser)
