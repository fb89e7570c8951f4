"""PostgreSQL and Valkey."""

from typing import Any

import psycopg
from django.db import connection
from redis import Redis, RedisError, ResponseError

from ..notifications import queues
from .base import CheckResult, fail, ok, one_line, warn, worst

_CONNECT_TIMEOUT = 3  # seconds
_MEMORY_WARN, _MEMORY_FAIL = 0.8, 0.95
_START_QUEUE = "Start Valkey, or correct REDIS_URL (docs/settings.md#the-queue)."


def database_answers() -> CheckResult:
    """Connect without the pool, which would hide why PostgreSQL refuses."""
    parameters: dict[str, Any] = connection.get_connection_params()
    parameters |= {"connect_timeout": _CONNECT_TIMEOUT}
    try:
        with psycopg.connect(**parameters) as found:
            version = found.info.server_version
            encoding = found.info.parameter_status("server_encoding")
            read_only = found.execute("SHOW transaction_read_only").fetchone()
    except psycopg.Error as error:
        return fail(one_line(error), "Start PostgreSQL, or correct DATABASE_URL.")
    oldest = connection.features.minimum_database_version
    if version // 10_000 < (oldest or (0,))[0]:
        return fail(
            f"PostgreSQL {version // 10_000}", f"Upgrade PostgreSQL: {(oldest or (0,))[0]} is the oldest supported."
        )
    if encoding != "UTF8":
        return fail(f"the encoding is {encoding}", "Create the database with --encoding UTF8 (docs/install.md).")
    if read_only and read_only[0] == "on":
        return fail("read-only", "Connect to the primary server, or end its recovery.")
    return ok(f"PostgreSQL {version // 10_000}, {encoding}")


def queue_answers() -> CheckResult:
    redis = queues.queue(queues.EMAILS).connection
    try:
        redis.ping()
    except RedisError as error:
        return fail(one_line(error), _START_QUEUE)
    try:
        known: dict[str, Any] = redis.info()
    except ResponseError as error:
        return warn(f"answers, but does not show its state: {one_line(error)}", "Allow this user the command INFO.")
    return worst([_policy(known), _memory(known), _snapshot(known, _saves(redis))])


def _policy(known: dict[str, Any]) -> CheckResult:
    policy = known.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        advice = "Set `maxmemory-policy noeviction`: otherwise a full queue loses jobs (deploy/valkey.conf)."
        return fail(f"maxmemory-policy is {policy}", advice)
    return ok(f"version {known.get('valkey_version') or known.get('redis_version')}, noeviction")


def _memory(known: dict[str, Any]) -> CheckResult:
    used, limit = int(known["used_memory"]), int(known.get("maxmemory", 0))
    found, share = f"{used / 2**20:.0f} MiB in use", used / limit if limit else 0.0
    if share < _MEMORY_WARN:
        return ok(found)
    state = fail if share >= _MEMORY_FAIL else warn
    return state(f"{found} of {limit / 2**20:.0f}", "Raise maxmemory, and look for what fills it: is it shared?")


def _saves(redis: "Redis") -> bool | None:
    # Services of cloud providers forbid CONFIG.
    try:
        return bool(redis.config_get("save").get("save"))
    except ResponseError:
        return None


def _snapshot(known: dict[str, Any], saves: bool | None) -> CheckResult:
    if known.get("rdb_last_bgsave_status", "ok") != "ok":
        return warn("its last snapshot failed", "Look at Valkey's log, and at the space on its disk.")
    # PostgreSQL has all work, so a queue that keeps nothing is no fault.
    keeps = bool(known.get("aof_enabled")) or saves
    return ok(
        "snapshots or log on disk" if keeps else "keeps nothing on disk" if saves is False else "snapshots unknown"
    )
