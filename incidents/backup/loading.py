"""Loads a dump into the database in one transaction, which replaces everything that was there.

`pg_restore` makes a script of the dump and `psql` carries it out. Between the two, this process puts statements before
and after it. Only the last of them commits: if any part ends early, PostgreSQL rolls everything back.
"""

import shutil
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE, Popen
from tempfile import TemporaryFile
from threading import Thread
from typing import IO

from django.utils import timezone

from . import aftermath, programs
from .errors import BackupError

_CHUNK = 256 * 1024
# Tables are dropped, not emptied: the triggers of the audit log refuse the latter. What belongs to an extension stays.
_DROP_ALL = """
BEGIN;
SET LOCAL lock_timeout = '10s';
SET LOCAL client_min_messages = warning;
DO $$
DECLARE
    statement text;
BEGIN
    FOR statement IN
        SELECT format('DROP %s IF EXISTS public.%I CASCADE',
                      CASE relkind WHEN 'S' THEN 'SEQUENCE' WHEN 'v' THEN 'VIEW' WHEN 'm' THEN 'MATERIALIZED VIEW'
                      ELSE 'TABLE' END, relname)
          FROM pg_class
         WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'S')
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype IN ('e', 'i', 'a'))
         UNION ALL
        SELECT format('DROP ROUTINE IF EXISTS public.%I(%s) CASCADE', proname, pg_get_function_identity_arguments(oid))
          FROM pg_proc
         WHERE pronamespace = 'public'::regnamespace
           AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_proc.oid AND deptype = 'e')
    LOOP
        EXECUTE statement;
    END LOOP;
END $$;
"""


_PG_RESTORE = ("--no-owner", "--no-privileges", "--no-comments", "--file=-")
_PSQL = ("--no-psqlrc", "--no-password", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "--file=-")


def load(dump: Iterator[bytes]) -> dict[str, int]:
    """Replace the database by a dump. Return how many rows were stopped, by what they are; see `aftermath`.

    Whatever `dump` raises is raised here, and nothing is changed.
    """
    folder = programs.find()
    with TemporaryFile() as output, TemporaryFile() as errors:
        making = _start([folder / "pg_restore", *_PG_RESTORE], PIPE, errors)
        loading = _start([folder / "psql", *_PSQL], output, errors)
        feeder = _Feeder(dump, making)
        try:
            _relay(making, loading, feeder)
        finally:
            # Without effect if both have ended. A killed psql commits nothing.
            for process in (loading, making):
                process.kill()
                process.wait()
            feeder.join()
            _close(making.stdout, loading.stdin)
        if feeder.error is not None:
            raise feeder.error
        if loading.returncode or making.returncode:
            raise BackupError(f"The dump cannot be loaded; the database is as it was before. {_text(errors)}")
        lines = [line[1:].split() for line in _text(output).splitlines() if line.startswith("@")]
        return {name: int(number) for name, number in lines}


class _Feeder(Thread):
    # Writes the dump to pg_restore, while the main thread reads what that makes of it.
    def __init__(self, dump: Iterator[bytes], making: "Popen[bytes]") -> None:
        super().__init__(daemon=True)
        self._dump, self._making = dump, making
        self.error: Exception | None = None
        self.start()

    def run(self) -> None:
        try:
            for chunk in self._dump:  # to its end, even if pg_restore needs no more of it
                with suppress(BrokenPipeError):
                    _stdin(self._making).write(chunk)
        except Exception as error:
            self.error = error
        with suppress(BrokenPipeError):
            _stdin(self._making).close()


def _relay(making: "Popen[bytes]", loading: "Popen[bytes]", feeder: _Feeder) -> None:
    with suppress(BrokenPipeError):  # psql has ended at an error, which it has written
        target = _stdin(loading)
        target.write(_DROP_ALL.encode())
        assert making.stdout  # noqa: S101 - for the type checker
        shutil.copyfileobj(making.stdout, target, _CHUNK)
        feeder.join()
        if making.wait() == 0 and feeder.error is None:
            target.write(f"{aftermath.statements(timezone.now())}\nCOMMIT;\n".encode())
            target.close()
            loading.wait()


def _close(*streams: IO[bytes] | None) -> None:
    for stream in streams:
        with suppress(BrokenPipeError):  # what was still in the buffer
            if stream is not None:
                stream.close()


def _start(command: list[Path | str], output: IO[bytes] | int, errors: IO[bytes]) -> "Popen[bytes]":
    return Popen(command, stdin=PIPE, stdout=output, stderr=errors, env=programs.environment())  # noqa: S603 - PostgreSQL's


def _stdin(process: "Popen[bytes]") -> IO[bytes]:
    assert process.stdin  # noqa: S101 - for the type checker
    return process.stdin


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace").strip()
