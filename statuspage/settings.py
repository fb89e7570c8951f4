"""All settings, read from the environment; docs/settings.md explains each variable."""

from pathlib import Path

from django.conf.locale import LANG_INFO
from django.core.exceptions import ImproperlyConfigured

from incidents.business_hours import BusinessHours, parse_place
from incidents.public_site.threads import DEFAULT_THREADS
from statuspage import __version__
from statuspage.env import HOW_TO_GENERATE, Environment
from statuspage.log_settings import read_logging
from statuspage.mail_provider import read_mail_provider
from statuspage.sentry import read_dsn
from statuspage.single_sign_on import read_headers, read_local_log_in, read_provider, read_roles
from statuspage.team_chat import read_alert_webhook

VERSION = __version__
BASE_DIR = Path(__file__).resolve().parent.parent
env = Environment()

# -- The process -----------------------------------------------------------------------

DEBUG = env.flag("DEBUG")
VAR_DIR = env.folder("VAR_DIR", "var", BASE_DIR)

# Per web process; see public_site/threads.py.
WEB_THREADS = env.number("WEB_THREADS", DEFAULT_THREADS.total, minimum=8, maximum=512)
BODY_TIMEOUT = env.number("BODY_TIMEOUT", 10, minimum=1, maximum=600)  # seconds

SECRET_KEY = env.secret("SECRET_KEY", min_length=32)
SECRET_KEY_FALLBACKS = env.comma_separated("SECRET_KEY_FALLBACKS", "")
if not SECRET_KEY:
    raise ImproperlyConfigured(f"SECRET_KEY is missing: write a long random text; {HOW_TO_GENERATE}.")

# -- Addresses -------------------------------------------------------------------------
# Links in mail and feeds are built from SITE_URL, never from a request's Host header.

_site = env.site("SITE_URL", "http://localhost:8000")
SITE_URL = f"{_site.scheme}://{_site.netloc.lower()}"  # browsers write the host like this in Origin
SITE_HOST = _site.hostname or "localhost"
# Part of the ids of feed entries, which must never change: keep the old host here when SITE_URL changes.
FEED_ID_HOST = env.host("FEED_ID_HOST", SITE_HOST)
HTTPS = _site.scheme == "https"

_LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]"]
ALLOWED_HOSTS = list(dict.fromkeys([SITE_HOST, *_LOCAL_HOSTS, *env.hosts("ALLOWED_HOSTS")]))
CSRF_TRUSTED_ORIGINS = [SITE_URL]
ROOT_URLCONF = "statuspage.urls"
WSGI_APPLICATION = "statuspage.wsgi.application"

# -- Apps and middleware -----------------------------------------------------------------

INSTALLED_APPS = [
    "incidents.apps.IncidentsConfig",
    "incidents.apps.NewsroomConfig",  # django.contrib.admin
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.forms",
    "django_rq",
]

MIDDLEWARE = [
    "statuspage.middleware.ForwardedHeaders",  # first: the others use is_secure()
    "django.middleware.security.SecurityMiddleware",
    "statuspage.middleware.SecurityHeaders",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static", "incidents.templatetags.wording"],
        },
    },
]

# Finds our widgets in `templates/`.
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

# -- PostgreSQL and Valkey ---------------------------------------------------------------

_database = env.database_url("DATABASE_URL", "postgresql://statuspage@localhost/statuspage")
DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.postgresql",
        **Environment.database(_database),
        "OPTIONS": {
            "pool": {
                "min_size": 0,
                "max_size": env.number("DATABASE_POOL", 10, minimum=1),
                "timeout": 3,
                # Otherwise it tries less and less often for five minutes, in which a worker that could reach
                # PostgreSQL again is silent for so long that it counts as dead, and pages fail.
                "reconnect_timeout": 2,
            },
        },
        "TEST": {"TEMPLATE": "template0"},
    },
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Not RQ's default, pickle: with it, write access to the queue would be enough to run any code.
_queue = {
    "URL": env.queue_url("REDIS_URL", "redis://localhost:6379/0"),
    "DEFAULT_TIMEOUT": 300,
    "SERIALIZER": "rq.serializers.JSONSerializer",
}
RQ_QUEUES = dict.fromkeys(("delivery", "messages", "posts", "requests"), _queue)
RQ = {
    "WORKER_CLASS": "incidents.notifications.sender.rq_worker.PreloadedWorker",
    "JOB_CLASS": "incidents.notifications.sender.queued_job.QueuedJob",
}
RQ_SHOW_ADMIN_LINK = False  # any staff user could empty the queue there, and it is in English only

# -- Languages and time --------------------------------------------------------------------
# A new language needs its code here and a catalogue in incidents/locale, but no migration.

LOCALE_PATHS = [BASE_DIR / "incidents" / "locale"]
_known_codes = {code for code in LANG_INFO if "name_local" in LANG_INFO[code]}
_codes = env.comma_separated("LANGUAGES", "da,en", allowed=_known_codes)
LANGUAGES = [(code, LANG_INFO[code]["name_local"].capitalize()) for code in _codes]
LANGUAGE_CODE = env.choice("DEFAULT_LANGUAGE", "da" if "da" in _codes else _codes[0], _codes)
TIME_ZONE = env.zone("TIME_ZONE", "Europe/Copenhagen")
USE_I18N = True
FORMAT_MODULE_PATH = "incidents.date_formats"
# The choice in the header of the admin. Addresses of the public page contain their language.
LANGUAGE_COOKIE_PATH = "/admin/"
LANGUAGE_COOKIE_AGE = 365 * 24 * 60 * 60
LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SAMESITE = True, "Lax"
USE_TZ = True

# -- Mail ----------------------------------------------------------------------------------

_mail = env.mail_url("EMAIL_URL", "smtp://localhost:25")
EMAIL_HOST = _mail.hostname or "localhost"
EMAIL_PORT = _mail.port or {"smtp": 25, "smtp+tls": 587, "smtps": 465}[_mail.scheme]
EMAIL_HOST_USER, EMAIL_HOST_PASSWORD = Environment.credentials(_mail)
EMAIL_USE_TLS = _mail.scheme == "smtp+tls"
EMAIL_USE_SSL = _mail.scheme == "smtps"
EMAIL_TIMEOUT = 600  # seconds; RFC 5321 §4.5.3.2.6 requires ten minutes after the final dot
DEFAULT_FROM_EMAIL = env.mailbox("DEFAULT_FROM_EMAIL", f"status@{SITE_HOST}")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
BOUNCE_ADDRESS = env.address("BOUNCE_ADDRESS", max_local_part=24)  # a token takes the rest of 64 octets
EMAIL_CONNECTIONS = env.number("EMAIL_CONNECTIONS", 20, minimum=1, maximum=200)  # to the mail server, per worker
EMAIL_RATE = env.number("EMAIL_RATE", 0)  # emails per second and worker at most; 0 is no limit
DESTINATION_RATE = env.number("DESTINATION_RATE", 0)  # the same per recipient domain or group of mail servers
GROUP_BY_MX = env.flag("GROUP_BY_MX")  # treat domains with the same mail servers as one destination
EMAIL_SMTPUTF8 = env.flag("EMAIL_SMTPUTF8")  # the mail server takes addresses that are not ASCII before the @
MAIL_PROVIDER, MAIL_PROVIDER_VIEW, ANYMAIL = read_mail_provider(env)
RESEND_UNCERTAIN = env.flag("RESEND_UNCERTAIN", default=True)  # prefer a duplicate to a missing email

# -- Webhooks ------------------------------------------------------------------------------
# Webhooks may be on the internet, and in the private networks listed here.

WEBHOOK_NETWORKS = env.networks("WEBHOOK_NETWORKS")

# -- Publishing and notifying ----------------------------------------------------------------

PUBLIC_ROOT = env.folder("PUBLIC_ROOT", str(VAR_DIR / "public"), BASE_DIR)
if any(folder.is_relative_to(PUBLIC_ROOT) for folder in (BASE_DIR, VAR_DIR)):
    # Publishing deletes what is not part of the page.
    raise ImproperlyConfigured(f"PUBLIC_ROOT is “{PUBLIC_ROOT}”: name a folder of its own, such as {VAR_DIR}/public.")
ANNOUNCEMENT_HOLD = env.number("ANNOUNCEMENT_HOLD", 20, maximum=3600)  # seconds in which staff can cancel
MAINTENANCE_WEEKS_AHEAD = env.number("MAINTENANCE_WEEKS_AHEAD", 8, minimum=1, maximum=52)  # for that which repeats
# Maintenance at these times gets a warning in the form.
BUSINESS_HOURS = env.parsed("BUSINESS_HOURS", BusinessHours.parse, "write days and hours such as Mon-Fri 08:00-17:00")
PUBLIC_HOLIDAYS = env.parsed("PUBLIC_HOLIDAYS", parse_place, "write a country or a part of it, such as DK or DE-BY")
# When subscribers are reminded of planned maintenance, unless staff choose otherwise: before its start, or never.
MAINTENANCE_REMINDERS = env.comma_separated("MAINTENANCE_REMINDERS", "1d,1h", allowed={"7d", "1d", "1h", "none"})
ALERT_BEFORE_START = env.number("ALERT_BEFORE_START", 30, minimum=1, maximum=24 * 60)  # minutes
ALERT_WEBHOOK_URL, ALERT_WEBHOOK_FORMAT = read_alert_webhook(env)
# The address of those who unsubscribed; after that, only a keyed hash of it is kept.
LEFT_ADDRESS_KEPT_DAYS = env.number("LEFT_ADDRESS_KEPT_DAYS", 30, minimum=0, maximum=3650)
# Then deliveries are reduced to counts. More than the five days for which emails are retried.
DELIVERIES_KEPT_DAYS = env.number("DELIVERIES_KEPT_DAYS", 90, minimum=7, maximum=3650)
LEDGER_BATCH = env.number("LEDGER_BATCH", 500, minimum=1, maximum=10_000)  # deliveries per claim

# Receives the changed addresses on standard input; see docs/caching.md.
PURGE_COMMAND = env.command("PURGE_COMMAND")

# -- Backups ------------------------------------------------------------------------------------

BACKUP_RECIPIENTS = env.comma_separated("BACKUP_RECIPIENTS", "")  # public keys of age, for whom backups are encrypted

# -- Static files ----------------------------------------------------------------------------

STATIC_URL = "/static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = VAR_DIR / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"
        if DEBUG
        else "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"
    },
}
if _mirror := env.storage("PUBLIC_MIRROR"):  # gets every published document too
    STORAGES["mirror"] = _mirror

# -- Security ----------------------------------------------------------------------------------

SECURE_SSL_REDIRECT = False  # left to the proxy: a redirect would break one-click unsubscribe (RFC 8058 §3.1)
# Only these peers' X-Forwarded-For, Forwarded and X-Forwarded-Proto count (statuspage.middleware.ForwardedHeaders).
TRUSTED_PROXIES, TRUST_UNIX_SOCKET = env.proxies("TRUSTED_PROXIES")
if env.flag("TRUST_PROXY_HEADERS") and not (TRUSTED_PROXIES or TRUST_UNIX_SOCKET):
    raise env.refusal("TRUST_PROXY_HEADERS", "1", "write the addresses of your proxies in TRUSTED_PROXIES instead")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if TRUSTED_PROXIES or TRUST_UNIX_SOCKET else None
SECURE_HSTS_SECONDS = 31_536_000 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = False
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = HTTPS
SESSION_COOKIE_AGE = 12 * 60 * 60  # then staff log in again, however active they are
SESSION_IDLE_MINUTES = env.number("SESSION_IDLE_MINUTES", 120, maximum=12 * 60)  # 0 is no limit
SESSION_COOKIE_NAME = "__Host-session" if HTTPS else "session"
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SILENCED_SYSTEM_CHECKS = [
    "security.W008",  # SECURE_SSL_REDIRECT: see above
    "security.W005",  # HSTS for subdomains and preload affect a whole domain, which is for its operator to decide
    "security.W021",
]
AUTH_PASSWORD_VALIDATORS = [
    *(
        {"NAME": f"django.contrib.auth.password_validation.{name}"}
        for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
    ),
    {"NAME": "incidents.sign_in.passwords.ContextWordsValidator"},
]

# Who must have a second factor; "publisher" is everybody who may publish.
REQUIRE_SECOND_FACTOR = env.choice(
    "REQUIRE_SECOND_FACTOR", "publisher" if HTTPS else "none", ["publisher", "all", "none"]
)
REMEMBER_DEVICE_DAYS = env.number("REMEMBER_DEVICE_DAYS", 30, maximum=365)

# Single sign-on: an OpenID provider, or a proxy that authenticates.
OIDC = read_provider(env)
REMOTE_USER_HEADER, REMOTE_GROUPS_HEADER = read_headers(env, has_proxies=bool(TRUSTED_PROXIES or TRUST_UNIX_SOCKET))
SSO_ROLES = read_roles(env)
LOCAL_LOG_IN = read_local_log_in(env, has_other=bool(OIDC.issuer or REMOTE_USER_HEADER))

LOGIN_URL, LOGIN_REDIRECT_URL = "/admin/login/", "admin:index"  # the web server, which loads no URLs, uses the former

DOCUMENTATION_URL = env.web_address("DOCUMENTATION_URL")  # linked in the newsroom
SECURITY_CONTACT = env.contact("SECURITY_CONTACT")  # for /.well-known/security.txt
METRICS_TOKEN = env.secret("METRICS_TOKEN", min_length=16)  # without one /metrics does not exist

# -- Logs ----------------------------------------------------------------------------------------

SENTRY_DSN = read_dsn(env)
LOGGING = read_logging(env, SENTRY_DSN)

SETTING_FILES = sorted(env.files)  # `manage.py doctor` looks who may read them
