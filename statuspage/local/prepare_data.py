"""Prepares database, static files and public store, and prints the password's line of the summary of `make run`.

All steps run in one process, because most of them are shorter than the start of Python and Django.
"""

import io
import sys

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import Error as DatabaseError
from django.db import connection
from django_rq import get_connection
from redis.exceptions import RedisError

from statuspage.env import Environment
from statuspage.local import admin_account
from statuspage.local.options import Options, read_options


def main() -> int:
    django.setup()
    # A connection pool would retry for a while and then not say why it failed.
    connection.settings_dict["OPTIONS"] = {"connect_timeout": 10}
    try:
        check_servers()
        prepare_data(read_options(Environment()))
    except (CommandError, DatabaseError, ImproperlyConfigured) as error:
        print(" ".join(str(error).split()), file=sys.stderr)
        return 1
    return 0


def check_servers() -> None:
    try:
        connection.ensure_connection()
    except DatabaseError as error:
        raise CommandError(f"DATABASE_URL names a database that does not answer: {error}") from error
    try:
        get_connection("delivery").ping()
    except RedisError as error:
        raise CommandError(f"REDIS_URL names a server that does not answer: {error}") from error


def prepare_data(options: Options) -> None:
    call_command("check", stdout=io.StringIO())  # it prints a line even without problems
    run("migrate", interactive=False)
    collect_static()
    run("publish")
    if options.sample_data:
        run("load_sample")  # which publishes what it loads
    print(admin_account.prepare(options.admin_password), flush=True)


def collect_static() -> None:
    """Collect the static files, from scratch after an interruption: a partial copy is newer than its source."""
    unfinished = settings.VAR_DIR / "static-unfinished"
    was_interrupted = unfinished.exists()
    unfinished.touch()
    run("collectstatic", interactive=False, clear=was_interrupted)
    unfinished.unlink()


def run(command: str, **options: bool) -> None:
    call_command(command, verbosity=0, stdout=sys.stderr, **options)


if __name__ == "__main__":
    sys.exit(main())
