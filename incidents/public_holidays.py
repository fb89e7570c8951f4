"""Public holidays of a country or a part of it, named in the language of the reader.

The package has the rules of each country and takes 17 MB of memory, so this module is imported on first use.
"""

from collections.abc import Iterable
from datetime import date

import holidays


def on(days: Iterable[date], place: str, language: str) -> dict[date, str]:
    """Return the holidays among these days, with their names; in English if the country has no names in `language`.

    `place` is a country (ISO 3166-1), or one of its parts (ISO 3166-2): `DK`, `DE-BY`. Raises LookupError for an
    unknown one.
    """
    country, _dash, part = place.partition("-")
    try:
        calendar = holidays.country_holidays(country, subdiv=part or None)
        calendar = holidays.country_holidays(country, subdiv=part or None, language=_supported(calendar, language))
        return {day: calendar[day] for day in days if day in calendar}
    except NotImplementedError as error:
        raise LookupError(place) from error


def _supported(calendar: holidays.HolidayBase, language: str) -> str:
    return next((code for code in calendar.supported_languages if code.partition("_")[0] == language), "en_US")
