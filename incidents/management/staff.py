"""The option `--by`, for commands whose use is recorded."""

from argparse import ArgumentParser

from django.contrib.auth.models import AbstractBaseUser, User
from django.core.management.base import CommandError


def add_by_argument(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--by", required=True, metavar="USERNAME", help="Your staff account, for the record of imports and exports."
    )


def staff_account(username: str) -> AbstractBaseUser:
    """Return an active staff account. Raises CommandError."""
    account = User.objects.filter(username=username, is_active=True, is_staff=True).first()
    if account is None:
        raise CommandError(f"--by {username}: no active staff account has this name.")
    return account
