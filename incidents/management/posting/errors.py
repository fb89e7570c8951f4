"""Refusals as messages for the terminal, with an exit code."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.exceptions import NON_FIELD_ERRORS, PermissionDenied, ValidationError
from django.core.management.base import CommandError
from django.db import DatabaseError

from incidents.operations.snapshots import Collision

REFUSED, WRONG_USE, ABORTED = 1, 2, 3
EXIT_CODES = (
    "Exit codes: 0 done, or possible with --dry-run; 1 refused; 2 an option is wrong, or there is no such incident or "
    "component; 3 no text was written. Nothing is changed unless the code is 0."
)
_OPTIONS = {"scheduled_for": "--from", "scheduled_until": "--until", "components": "--component", "impact": "--impact"}


def wrong_use(message: str) -> CommandError:
    return CommandError(message, returncode=WRONG_USE)


@contextmanager
def as_command_errors(by: str = "") -> Iterator[None]:
    """Turn what verbs refuse into CommandError, one line for each field. `by` is the account that acts."""
    try:
        yield
    except ValidationError as refusal:
        raise CommandError("\n".join(_lines(refusal)), returncode=REFUSED) from refusal
    except PermissionDenied as refusal:
        raise CommandError(f"--by {by}: this account has no right to do this.", returncode=REFUSED) from refusal
    except Collision as collision:
        raise CommandError(
            "Somebody else changed it while you wrote. Look at it with `show`, and use your text again.",
            returncode=REFUSED,
        ) from collision
    except DatabaseError as error:
        said = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise CommandError(
            f"The database refuses: {said} (`manage.py doctor` says more)", returncode=REFUSED
        ) from error


def _lines(refusal: ValidationError) -> Iterator[str]:
    if not hasattr(refusal, "error_dict"):
        yield from refusal.messages
        return
    for name, messages in refusal.message_dict.items():
        for message in messages:
            yield message if name == NON_FIELD_ERRORS else f"{_OPTIONS.get(name, name)}: {message}"
