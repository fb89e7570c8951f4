"""What is logged, and in which form: Django's setting LOGGING."""

from typing import Any

from statuspage.env import Environment


def read_logging(env: Environment, sentry_dsn: str) -> dict[str, Any]:
    """Read LOG_FORMAT and LOG_LEVEL. Raises ImproperlyConfigured."""
    sentry = {"sentry": {"()": "statuspage.sentry_handler.SentryHandler", "dsn": sentry_dsn}} if sentry_dsn else {}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {
                "()": "statuspage.logs.RedactingFormatter",
                "format": "%(asctime)s %(levelname)s %(name)s%(ids)s: %(message)s",
            },
            "json": {"()": "statuspage.logs.JsonFormatter"},
        },
        "filters": {"outages": {"()": "statuspage.logs.OutageFilter"}},
        "handlers": {
            "console": {
                "class": "logging.StreamHandler",
                "formatter": env.choice("LOG_FORMAT", "text", ["text", "json"]),
                "filters": ["outages"],
            },
            **sentry,
        },
        "loggers": {
            # At DEBUG these would log whole rows and pages, with addresses and keys.
            **{name: {"level": "INFO"} for name in ("authlib", "django.template", "django.db.backends", "urllib3")},
            "mcp": {"level": "WARNING"},  # two lines for each request of an agent, and at DEBUG its texts
        },
        "root": {
            "handlers": ["console", *sentry],
            "level": env.choice("LOG_LEVEL", "INFO", ["DEBUG", "INFO", "WARNING", "ERROR"]),
        },
    }
