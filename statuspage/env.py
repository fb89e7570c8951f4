"""Reads settings from the environment; an invalid value stops the start and the error says what to write instead.

Each method records the variable's name, so that `tests/test_docs.py` can compare the
documentation with what the code reads.
"""

import importlib.util
import os
import re
import shlex
import shutil
import zoneinfo
from collections.abc import Callable, Mapping
from email.utils import parseaddr
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

from incidents import domains

Parsed = TypeVar("Parsed")

MIN_UNIQUE = 5  # different characters in a secret, as `manage.py check --deploy` requires
HOW_TO_GENERATE = "`python3 -c 'import secrets; print(secrets.token_urlsafe(50))'` prints one"

_HOST = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9])?|\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\]?")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")
# RFC 9116 §2.5.3; the characters of RFC 3986.
WEB_ADDRESS = re.compile(r"https?://[A-Za-z0-9.:-]+(?:/\S*)?")
_CONTACT = re.compile(r"(mailto:[^@\s]+@[A-Za-z0-9.-]+|https://[A-Za-z0-9])[A-Za-z0-9._~:/?#@!$&'()*+,;=%-]*", re.ASCII)
_CREDENTIALS = re.compile(r"//[^/]*@")

_ON = {"1", "true", "yes", "on"}
_OFF = {"0", "false", "no", "off", ""}


class Environment:
    """Typed access to environment variables.

    Each method takes the variable's name and a default as an operator would write it,
    and raises ImproperlyConfigured with a hint if the value is invalid. `NAME_FILE`
    names a file that contains the value of `NAME` (secrets of systemd and Docker).
    """

    def __init__(self, values: Mapping[str, str] | None = None) -> None:
        self.values = os.environ if values is None else values
        self.names: set[str] = set()
        self.files: set[str] = set()  # whose content is a value

    def text(self, name: str, default: str = "") -> str:
        self.names.add(name)
        if path := self.values.get(f"{name}_FILE"):
            self.files.add(path)
            try:
                return Path(path).read_text(encoding="utf-8").strip() or default
            except OSError as error:
                raise self.refusal(f"{name}_FILE", path, f"name a readable file ({error.strerror})") from error
            except UnicodeDecodeError as error:
                raise self.refusal(f"{name}_FILE", path, "name a text file in UTF-8") from error
        return self.values.get(name, "").strip() or default

    def secret(self, name: str, *, min_length: int) -> str:
        """Return a random text, empty if not set; an error message does not repeat it."""
        value = self.text(name)
        if value and (len(value) < min_length or len(set(value)) < MIN_UNIQUE):
            hint = f"write a random text of at least {min_length} characters, at least {MIN_UNIQUE} of them different"
            raise ImproperlyConfigured(f"{name} is too easy to guess: {hint}; {HOW_TO_GENERATE}.")
        return value

    def folder(self, name: str, default: str, base: Path) -> Path:
        """Return an absolute path; a relative one starts at `base`. The folder need not exist."""
        value = self.text(name, default)
        path = Path(os.path.normpath(base / Path(value).expanduser()))
        existing = next((each for each in (path, *path.parents) if each.exists()), path)
        if not existing.is_dir():
            raise self.refusal(name, value, f"name a folder ({existing} is a file)")
        return path

    def hosts(self, name: str) -> list[str]:
        """Return host names for Django's ALLOWED_HOSTS: `*` and `.example.com` are allowed, ports are not."""
        hosts = self.comma_separated(name, "")
        if not all(host == "*" or _HOST.fullmatch(host.removeprefix(".")) for host in hosts):
            hint = "write host names without scheme and port, such as status.example.com,10.0.0.7"
            raise self.refusal(name, ",".join(hosts), hint)
        return hosts

    def host(self, name: str, default: str) -> str:
        hint = "write a host name without scheme and port, such as status.example.com"
        return self._parsed(name, self.text(name, default), str, lambda host: bool(_HOST.fullmatch(host)), hint)

    def site(self, name: str, default: str) -> SplitResult:
        """Return scheme and host of the public page; credentials would be published with every link."""
        example = "https://status.example.com"
        site = self.url(name, default, {"http", "https"}, example)
        if site.path.strip("/") or site.query or site.fragment or "@" in site.netloc or " " in site.netloc:
            raise self.refusal(name, site.geturl(), f"write scheme and host only, such as {example}")
        if not _HOST.fullmatch(site.hostname or ""):
            hint = "write the host in ASCII letters, digits, dots and hyphens (blåbær.example is xn--blbr-roah.example)"
            raise self.refusal(name, site.geturl(), hint)
        return site

    def flag(self, name: str, *, default: bool = False) -> bool:
        value = self.text(name, "1" if default else "0").lower()
        if value in _ON or value in _OFF:
            return value in _ON
        raise self.refusal(name, value, "write 1 or 0")

    def number(self, name: str, default: int, *, minimum: int = 0, maximum: int = 2**31 - 1) -> int:
        value = self.text(name, str(default))
        hint = f"write a whole number from {minimum} to {maximum}"
        return self._parsed(name, value, int, lambda number: minimum <= number <= maximum, hint)

    def comma_separated(self, name: str, default: str, *, allowed: set[str] | None = None) -> list[str]:
        """Return a comma-separated list in the given order. Duplicates are removed; with `allowed` they are errors."""
        items = [item.strip() for item in self.text(name, default).split(",") if item.strip()]
        if allowed is not None and (not items or set(items) - allowed):
            hint = f"write a comma-separated list of known codes, such as {default}"
            raise self.refusal(name, ",".join(items), hint)
        if allowed is not None and len(items) != len(set(items)):
            raise self.refusal(name, ",".join(items), f"write each code once: {','.join(dict.fromkeys(items))}")
        return list(dict.fromkeys(items))

    def networks(self, name: str) -> list[IPv4Network | IPv6Network]:
        hint = "write networks separated by commas, such as 10.20.0.0/16,fd00:1234::/48"
        return self.parsed(name, lambda _value: [ip_network(item) for item in self.comma_separated(name, "")], hint)

    def proxies(self, name: str) -> tuple[list[IPv4Network | IPv6Network], bool]:
        """Return the networks of our proxies, and whether `unix` (a proxy on a Unix socket) is among them."""
        example = "such as 127.0.0.1,10.20.0.0/16, and unix for a proxy on a Unix socket"
        items = self.comma_separated(name, "")
        try:
            networks = [_unmapped(ip_network(item)) for item in items if item != "unix"]
        except ValueError as error:
            former = "the number of proxies is no longer used; " if self.text(name).isdecimal() else ""
            hint = f"{former}write the proxies' addresses or networks, {example}"
            raise self.refusal(name, self.text(name), hint) from error
        if any(network.prefixlen == 0 for network in networks):
            hint = f"this would trust every client; write the proxies' own addresses or networks, {example}"
            raise self.refusal(name, self.text(name), hint)
        return networks, "unix" in items

    def choice(self, name: str, default: str, allowed: list[str]) -> str:
        value = self.text(name, default)
        if value not in allowed:
            raise self.refusal(name, value, f"write one of {', '.join(filter(None, allowed))}")
        return value

    def url(self, name: str, default: str, schemes: set[str], example: str) -> SplitResult:
        value = self.text(name, default)
        return self._parsed(
            name,
            value,
            _split_url,
            lambda url: url.scheme in schemes and bool(url.hostname or url.path.strip("/")),
            f"write an address such as {example}",
        )

    def web_address(self, name: str) -> str:
        """Return an address of the web, empty if not set."""
        hint = "write an address such as https://docs.example.com/"
        return self._parsed(
            name, self.text(name), str, lambda value: not value or bool(WEB_ADDRESS.fullmatch(value)), hint
        )

    def database_url(self, name: str, default: str) -> SplitResult:
        example = "postgresql://user:password@host:5432/statuspage"
        url = self.url(name, default, {"postgres", "postgresql"}, example)
        if not url.path.strip("/"):
            raise self.refusal(name, url.geturl(), f"name the database too, such as {example}")
        return url

    def queue_url(self, name: str, default: str) -> str:
        """Return the address unchanged: urllib would drop the empty host of a socket's address."""
        url = self.url(name, default, {"redis", "rediss", "unix"}, default)
        numbers = dict(parse_qsl(url.query)).get("db", ""), "" if url.scheme == "unix" else url.path.strip("/")
        if not all(re.fullmatch(r"\d*", number) for number in numbers):
            raise self.refusal(name, url.geturl(), f"write the database as a number, such as {default}")
        return self.text(name, default)

    def mail_url(self, name: str, default: str) -> SplitResult:
        example = "smtp+tls://user:password@host:587"
        url = self.url(name, default, {"smtp", "smtp+tls", "smtps"}, example)
        if not url.hostname:
            raise self.refusal(name, url.geturl(), f"write an address such as {example}")
        return url

    def mailbox(self, name: str, default: str) -> str:
        """Return a sender: an address, or a name and an address in angle brackets; the domain in A-labels."""
        value = self.text(name, default)
        address = parseaddr(value)[1]
        domain = address.rpartition("@")[2]
        before, _at, after = value.rpartition(f"@{domain}")
        try:
            if not _ADDRESS.fullmatch(address) or "\n" in value:
                raise ValueError
            return value if domain.isascii() else f"{before}@{domains.to_ascii(domain)}{after}"
        except ValueError:
            hint = "write an address, or a name and an address: Example Hosting <status@example.com>"
            raise self.refusal(name, value, hint) from None

    def address(self, name: str, *, max_local_part: int = 64) -> str:
        """Return a bare email address in ASCII, empty if not set; `max_local_part` limits the part before the @."""
        hint = f"write an address with at most {max_local_part} characters before the @, such as bounces@example.com"
        pattern = re.compile(rf"[A-Za-z0-9._-]{{1,{max_local_part}}}@[A-Za-z0-9.-]+")
        return self._parsed(name, self.text(name), str, lambda value: not value or bool(pattern.fullmatch(value)), hint)

    def contact(self, name: str) -> str:
        """Return a `mailto:` or `https:` URL in ASCII, empty if not set."""
        value = self.text(name)
        if value and not _CONTACT.fullmatch(value):
            hint = "write mailto:security@example.com or https://example.com/security; encode other characters with %"
            raise self.refusal(name, value, hint)
        return value

    def zone(self, name: str, default: str) -> str:
        value = self.text(name, default)
        if value not in zoneinfo.available_timezones():
            raise self.refusal(name, value, "write a time zone such as Europe/Copenhagen or UTC")
        return value

    def command(self, name: str) -> list[str]:
        """Return a program and its arguments, quoted as for a shell; empty if not set."""
        hint = "name an executable program, by its full path or by a name on PATH"
        return self._parsed(
            name, self.text(name), shlex.split, lambda words: not words or bool(shutil.which(words[0])), hint
        )

    def storage(self, name: str) -> dict[str, Any]:
        """Return an entry for STORAGES: the class by its dotted path, options as in a URL's query; empty if not set."""
        path, _, query = self.text(name).partition("?")
        if not path:
            return {}
        if not _is_importable(path.rpartition(".")[0]):
            hint = "name an installed storage class, such as django.core.files.storage.FileSystemStorage"
            raise self.refusal(name, path, f"{hint}?location=/srv/status")
        return {"BACKEND": path, "OPTIONS": dict(parse_qsl(query))}

    def parsed(self, name: str, parse: Callable[[str], Parsed], hint: str) -> Parsed:
        """Return what `parse` makes of the value, which may be empty; it raises ValueError if that is invalid."""
        return self._parsed(name, self.text(name), parse, lambda _parsed: True, hint)

    @staticmethod
    def credentials(url: SplitResult) -> tuple[str, str]:
        """Return user name and password of an address, percent-decoded, each empty if absent."""
        return unquote(url.username or ""), unquote(url.password or "")

    @classmethod
    def database(cls, url: SplitResult) -> dict[str, str]:
        """Return Django's connection settings for an address; `?host=/run/postgresql` names a socket's folder."""
        user, password = cls.credentials(url)
        host = dict(parse_qsl(url.query)).get("host", url.hostname or "")
        return {
            "NAME": unquote(url.path.lstrip("/")),
            "USER": user,
            "PASSWORD": password,
            "HOST": host,
            "PORT": str(url.port or ""),
        }

    def _parsed(
        self, name: str, value: str, parse: Callable[[str], Parsed], is_valid: Callable[[Parsed], bool], hint: str
    ) -> Parsed:
        try:
            parsed = parse(value)
        except ValueError as error:
            raise self.refusal(name, value, hint) from error
        if not is_valid(parsed):
            raise self.refusal(name, value, hint)
        return parsed

    @staticmethod
    def refusal(name: str, value: str, hint: str) -> ImproperlyConfigured:
        """Return the error to raise for an invalid value."""
        shown = _CREDENTIALS.sub("//…@", value)  # passwords must not reach a log
        return ImproperlyConfigured(f"{name} is “{shown}”: {hint}.")


def _unmapped(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    # Return the IPv4 network that `::ffff:10.0.0.0/104` stands for: peers are compared in this form.
    mapped = network.network_address.ipv4_mapped if isinstance(network, IPv6Network) else None
    return IPv4Network((mapped, max(network.prefixlen - 96, 0))) if mapped else network


def _is_importable(module: str) -> bool:
    # Return whether a module is installed; imports its parent packages, but not the module itself.
    try:
        return bool(module) and importlib.util.find_spec(module) is not None
    except (ImportError, ValueError):
        return False


def _split_url(value: str) -> SplitResult:
    # Split a URL like urlsplit, but raise ValueError at once, not on first use, if the port is not a number.
    url = urlsplit(value)
    if url.port == 0:
        raise ValueError("Port 0")
    return url
