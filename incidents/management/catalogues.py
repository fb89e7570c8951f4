"""Translation catalogues with Babel, because GNU gettext may not be installed: extract, update, compile and check.

English is the language of the source and needs no catalogue. The files are the
same on every machine: they contain no dates and no line numbers.
"""

import io
import re
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from babel.messages import Catalog, Message
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir, extract_python
from babel.messages.frontend import parse_keywords
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po
from django.utils.translation import template as django_template

LAZY = ["gettext_lazy", "gettext_noop", "ngettext_lazy:1,2", "pgettext_lazy:1c,2", "npgettext_lazy:1c,2,3"]
TEMPLATE = f"{__name__}:extract_template"
METHODS = [("**.py", "python"), ("**.html", TEMPLATE), ("**.txt", TEMPLATE), ("**.xml", TEMPLATE)]
PLACEHOLDER = re.compile(r"%\(\w+\)[sdf]|%[sdf]|\{\w*\}")
HEADER = """\
# The status page in “{0.locale}”. Collected by `make messages`; only msgstr is written by hand.
msgid ""
msgstr ""
"Language: {0.locale}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: {0.plural_forms}"

"""


def extract(root: Path, folders: list[str]) -> Catalog:
    """Every string that the source marks for translation."""
    source, keywords = Catalog(), {**DEFAULT_KEYWORDS, **parse_keywords(LAZY)}
    for folder in folders:
        for name, line, text, comments, context in extract_from_dir(
            root / folder, METHODS, keywords=keywords, comment_tags=["Translators:"]
        ):
            source.add(text, None, [(f"{folder}/{name}", line)], auto_comments=comments, context=context)
    return source


def extract_template(
    file: io.BufferedReader,
    keywords: Collection[str],
    tags: Collection[str],
    options: object,  # noqa: ARG001
) -> Iterator[Any]:
    """Django turns a template into calls of gettext; Python's tokenizer accepts no stray indentation."""
    code = django_template.templatize(file.read().decode(), origin=file.name)
    source = "\n".join(line.strip() for line in code.splitlines()).encode()
    return extract_python(io.BytesIO(source), dict.fromkeys(keywords), tags, {"encoding": "utf-8"})


def catalogue_path(locale_folder: Path, language: str) -> Path:
    return locale_folder / language / "LC_MESSAGES" / "django.po"


def read(path: Path, language: str) -> Catalog:
    if not path.exists():
        return Catalog(language)
    with path.open("rb") as file:
        return read_po(file, locale=language)


def update(written: Catalog, source: Catalog) -> None:
    """The strings of the source with the translations that exist; strings no longer in the source are dropped."""
    for message in list(written):
        known = source.get(key_text(message), message.context)
        if message.id and known and known.id != message.id:  # another plural needs another translation
            written.delete(key_text(message), message.context)
    written.update(source, no_fuzzy_matching=True)


def write(catalogue: Catalog, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(HEADER.format(catalogue).encode())
        write_po(file, catalogue, 110, omit_header=True, sort_output=True, ignore_obsolete=True, include_lineno=False)
    path.with_suffix(".mo").write_bytes(compiled(catalogue))


def compiled(catalogue: Catalog) -> bytes:
    """Only finished translations: for an untranslated plural form Babel would compile the English one."""
    finished = Catalog(catalogue.locale, creation_date=datetime(2000, 1, 1, tzinfo=UTC), fuzzy=False)
    for message in catalogue:
        if message.id and all(forms(message.string)):
            finished[message.id] = message
    file = io.BytesIO()
    write_mo(file, finished)
    return file.getvalue()


def key_text(message: Message) -> str:
    return forms(message.id)[0]


def forms(text: Any) -> list[str]:
    """The singular and the plural forms of a text; an untranslated one is empty."""
    return list(text) if isinstance(text, list | tuple) else [text or ""]


def faults(source: Catalog, written: Catalog, path: Path) -> Iterator[str]:
    """Yield every missing, faulty or obsolete translation."""
    for message in filter(lambda each: each.id, source):
        known = written.get(key_text(message), message.context)
        where = f"“{key_text(message)}” ({', '.join(sorted({file for file, _ in message.locations}))})"
        if known is None or known.id != message.id:
            yield f"missing, run `make messages`: {where}"
        elif fault := translation_fault(known):
            yield f"{fault}: {where}"
    for message in [*written, *written.obsolete.values()]:
        if message.id and source.get(key_text(message), message.context) is None:
            yield f"obsolete, run `make messages`: “{key_text(message)}”"
    binary = path.with_suffix(".mo")
    if not binary.exists() or binary.read_bytes() != compiled(written):
        yield f"{binary.name} does not agree with {path.name}, run `make messages`"


def translation_fault(message: Message) -> str:
    if not all(forms(message.string)):
        return "untranslated"
    if message.fuzzy:
        return "marked as fuzzy"
    if not same_placeholders(message):
        return "other placeholders than the source"
    if any(form.endswith("\n") != key_text(message).endswith("\n") for form in forms(message.string)):
        return "ends with a line break where the source does not, or the reverse"
    return ""


def same_placeholders(message: Message) -> bool:
    """Compare the placeholders: a singular may spell out “one”; no form may use one that the source lacks."""
    wanted = sorted(PLACEHOLDER.findall(forms(message.id)[-1]))
    *fewer, last = [sorted(PLACEHOLDER.findall(form)) for form in forms(message.string)]
    return last == wanted and all(set(found) <= set(wanted) for found in fewer)
