"""Makes the database ready, then says on standard output what the summary of `make run` says about the password.

One process for all steps, because starting Python and Django takes longer than most of them.
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
from statuspage.local.options import Plan, read


def main() -> int:
    django.setup()
    # A pool would try again for a while, and then not say why it failed.
    connection.settings_dict["OPTIONS"] = {"connect_timeout": 10}
    try:
        check_servers()
        prepare(read(Environment()))
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


def prepare(plan: Plan) -> None:
    call_command("check", stdout=io.StringIO())  # it says even that all is well
    run("migrate", interactive=False)
    collect_static()
    run("publish")
    if plan.sample_data:
        run("load_sample")  # which publishes what it loads
    print(admin_account.prepare(plan.admin_password), flush=True)


def collect_static() -> None:
    """Where the last time was interrupted, from the beginning: a file half copied is newer than its source."""
    unfinished = settings.VAR_DIR / "static-unfinished"
    again = unfinished.exists()
    unfinished.touch()
    run("collectstatic", interactive=False, clear=again)
    unfinished.unlink()


def run(command: str, **options: bool) -> None:
    call_command(command, verbosity=0, stdout=sys.stderr, **options)


if __name__ == "__main__":
    sys.exit(main())
