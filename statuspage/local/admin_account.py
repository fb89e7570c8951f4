"""The staff account of `make run`, and its first password.

A random password is written to VAR_DIR, readable by its owner only, before the
account is made: whatever interrupts the first start, the next one shows it. It
is shown, and the file kept, until somebody has logged in or the password is
another one.

    python -m statuspage.local.admin_account

sets a new password: `make password`.
"""

import getpass
import os
import secrets
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.conf import settings
from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import DatabaseError
from django.utils import translation

from statuspage.local.options import ADMIN, write_private

if TYPE_CHECKING:
    from django.contrib.auth.models import User

AS_BEFORE = "password as set before   (a new one: make password)"


def first_password_file() -> Path:
    return Path(settings.VAR_DIR, "first_password")


def prepare(wanted: str) -> str:
    """Make the account if there is none; what `make run` says about its password. `wanted` is ADMIN_PASSWORD."""
    user = get_user_model().objects.filter(username=ADMIN).first()
    if user is None:
        password = wanted or first_password()
        user = get_user_model().objects.create_superuser(username=ADMIN, password=password)
    if wanted and user.check_password(wanted):
        return "password as in ADMIN_PASSWORD"
    if password := unused_password(user):
        return f"password {password}   (shown until somebody has logged in with it)"
    return AS_BEFORE


def first_password() -> str:
    """The one that an interrupted start wrote down, or a new one, which is then written down."""
    if not (password := kept_password()):
        password = secrets.token_urlsafe(12)
        write_private(first_password_file(), password)
    return password


def kept_password() -> str:
    try:
        return first_password_file().read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def unused_password(user: "User") -> str:
    """The first password, if nobody has logged in and it is still the right one; otherwise it is forgotten."""
    password = kept_password()
    if password and user.last_login is None and user.check_password(password):
        return password
    first_password_file().unlink(missing_ok=True)
    return ""


def main() -> int:
    django.setup()
    translation.activate("en")  # as all that make says; Django validates in the page's language
    try:
        user = get_user_model().objects.filter(username=ADMIN).first()
        if user is None:
            print(f"There is no account “{ADMIN}”: make run makes it.", file=sys.stderr)
            return 1
        password, is_random = ask(user)
        user.set_password(password)
        user.save(update_fields=["password"])
    except DatabaseError:
        print("The database is not set up: make run does it.", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print("\nThe password is the same as before.", file=sys.stderr)
        return 130
    first_password_file().unlink(missing_ok=True)
    print(f"user {ADMIN}, password {password}" if is_random else f"The password of “{ADMIN}” is changed.")
    return 0


def ask(user: "User") -> tuple[str, bool]:
    """A password that suits, and whether it was made up: without a terminal, or where nothing was typed."""
    while os.isatty(0):
        password = getpass.getpass(f"New password for “{ADMIN}” (empty for a random one): ")
        if not password:
            break
        try:
            validate_password(password, user)
        except ValidationError as error:
            print("\n".join(error.messages))
            continue
        if getpass.getpass("The same again: ") == password:
            return password, False
        print("The two were not the same.")
    return secrets.token_urlsafe(12), True


if __name__ == "__main__":
    sys.exit(main())
