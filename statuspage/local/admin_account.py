"""The staff account of `make run`, and its first password.

The random password is written to VAR_DIR, readable by its owner only, before the
account is created: if the first start is interrupted, the next one shows it. It is
shown, and the file kept, until the first login or a change of the password.

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

from statuspage.local.options import ADMIN
from statuspage.local.paths import write_private

if TYPE_CHECKING:  # the models cannot be imported before django.setup()
    from django.contrib.auth.models import User

UNCHANGED = "password unchanged   (to set a new one: make password)"


def first_password_file() -> Path:
    return Path(settings.VAR_DIR, "first_password")


def prepare(wanted: str) -> str:
    """Create the account if needed; return the summary's text about its password. `wanted` is ADMIN_PASSWORD."""
    user = get_user_model().objects.filter(username=ADMIN).first()
    if user is None:
        password = wanted or first_password()
        user = get_user_model().objects.create_superuser(username=ADMIN, password=password)
    if wanted and user.check_password(wanted):
        return "password as in ADMIN_PASSWORD"
    if password := unused_password(user):
        return f"password {password}   (shown until the first login)"
    return UNCHANGED


def first_password() -> str:
    """Return the password that an interrupted start stored, or store a new one."""
    if not (password := stored_password()):
        password = secrets.token_urlsafe(12)
        write_private(first_password_file(), password)
    return password


def stored_password() -> str:
    try:
        return first_password_file().read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        return ""


def unused_password(user: "User") -> str:
    """Return the first password if it is still valid and unused; otherwise delete it."""
    password = stored_password()
    if password and user.last_login is None and user.check_password(password):
        return password
    first_password_file().unlink(missing_ok=True)
    return ""


def main() -> int:
    django.setup()
    translation.activate("en")  # like all output of make; Django would validate in the page's language
    try:
        user = get_user_model().objects.filter(username=ADMIN).first()
        if user is None:
            print(f"There is no account “{ADMIN}” yet: run “make run” first.", file=sys.stderr)
            return 1
        password, is_random = ask(user)
        user.set_password(password)
        user.save(update_fields=["password"])
    except DatabaseError:
        print("The database is not set up yet: run “make run” first.", file=sys.stderr)
        return 1
    except (KeyboardInterrupt, EOFError):
        print("\nThe password is unchanged.", file=sys.stderr)
        return 130
    first_password_file().unlink(missing_ok=True)
    print(f"user {ADMIN}, password {password}" if is_random else f"The password of “{ADMIN}” has been changed.")
    return 0


def ask(user: "User") -> tuple[str, bool]:
    """Return a valid password, and whether it is random: without a terminal, or if nothing was typed."""
    while os.isatty(0):
        password = getpass.getpass(f"New password for “{ADMIN}” (empty for a random one): ")
        if not password:
            break
        try:
            validate_password(password, user)
        except ValidationError as error:
            print("\n".join(error.messages))
            continue
        if getpass.getpass("Repeat the new password: ") == password:
            return password, False
        print("The passwords do not match.")
    return secrets.token_urlsafe(12), True


if __name__ == "__main__":
    sys.exit(main())
