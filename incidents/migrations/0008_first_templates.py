"""Templates for the common cases, to begin with; staff change and delete them as they like."""

from typing import Any

from django.conf import settings
from django.db import migrations

# Kind, phase, then name, title and text in each language.
TEMPLATES = [
    (
        "incident", "investigating",
        {"da": "Vi undersøger en fejl", "en": "Investigating a fault"},
        {"da": "Problemer med {components}", "en": "Problems with {components}"},
        {
            "da": "Vi får meldinger om problemer med {components} og undersøger årsagen.\n\nVi skriver igen, så snart vi ved mere.",
            "en": "We are receiving reports of problems with {components} and are looking for the cause.\n\nWe will write again as soon as we know more.",
        },
    ),
    (
        "incident", "investigating",
        {"da": "Nedbrud", "en": "Outage"},
        {"da": "Nedbrud: {components}", "en": "Outage: {components}"},
        {
            "da": "Der er nedbrud på {components}. Vi arbejder på at finde fejlen og få driften i gang igen.",
            "en": "There is an outage of {components}. We are working to find the fault and restore service.",
        },
    ),
    (
        "incident", "identified",
        {"da": "Årsagen er fundet", "en": "The cause has been found"},
        {"da": "Problemer med {components}", "en": "Problems with {components}"},
        {
            "da": "Vi har fundet årsagen til problemerne med {components} og er i gang med at udbedre fejlen.",
            "en": "We have found the cause of the problems with {components} and are working on a fix.",
        },
    ),
    (
        "incident", "identified",
        {"da": "Fejlen ligger hos en leverandør", "en": "The fault is a provider's"},
        {"da": "Problemer med {components}", "en": "Problems with {components}"},
        {
            "da": "Problemerne med {components} skyldes en fejl hos en af vores leverandører. Leverandøren kender fejlen og arbejder på at rette den. Vi følger arbejdet tæt.",
            "en": "The problems with {components} are caused by a fault at one of our providers. The provider knows of it and is working on a fix. We are following the work closely.",
        },
    ),
    (
        "incident", "identified",
        {"da": "Mail er forsinket", "en": "Mail is delayed"},
        {"da": "Mail er forsinket", "en": "Mail is delayed"},
        {
            "da": "Mail bliver leveret med forsinkelse. Ingen mail går tabt: Vores servere prøver igen, indtil den er leveret.",
            "en": "Mail is being delivered late. No mail is lost: our servers keep trying until it has been delivered.",
        },
    ),
    (
        "incident", "mitigated",
        {"da": "Afhjulpet, vi holder øje", "en": "Mitigated, we are watching"},
        {},
        {
            "da": "Fejlen er afhjulpet, og {components} fungerer igen. Vi holder øje med, at det forbliver sådan.",
            "en": "The fault has been mitigated, and {components} are working again. We are making sure that it stays that way.",
        },
    ),
    (
        "incident", "resolved",
        {"da": "Løst", "en": "Resolved"},
        {},
        {
            "da": "Fejlen er rettet, og alt fungerer som normalt. Hændelsen begyndte {start} og sluttede {end}. Vi beklager ulejligheden.",
            "en": "The fault has been fixed, and everything is working normally. The incident began on {start} and ended on {end}. We apologise for the inconvenience.",
        },
    ),
    (
        "incident", "postmortem",
        {"da": "Efterrapport", "en": "Postmortem"},
        {},
        {
            "da": "**Hvad skete der?**\n\n**Hvorfor skete det?**\n\n**Hvad har vi gjort?**\n\n**Hvad gør vi, for at det ikke sker igen?**",
            "en": "**What happened?**\n\n**Why did it happen?**\n\n**What have we done?**\n\n**What are we doing to keep it from happening again?**",
        },
    ),
    (
        "maintenance", "scheduled",
        {"da": "Planlagt vedligeholdelse", "en": "Planned maintenance"},
        {"da": "Vedligeholdelse: {components}", "en": "Maintenance: {components}"},
        {
            "da": "Vi udfører vedligeholdelse fra {start} til {end}. Der kan i perioden være korte afbrydelser af {components}.",
            "en": "We will carry out maintenance from {start} to {end}. There may be short interruptions of {components} during this time.",
        },
    ),
    (
        "maintenance", "in_progress",
        {"da": "Arbejdet er begyndt", "en": "The work has begun"},
        {},
        {"da": "Arbejdet er begyndt. Vi regner med at være færdige {end}.", "en": "The work has begun. We expect to finish on {end}."},
    ),
    (
        "maintenance", "verifying",
        {"da": "Arbejdet kontrolleres", "en": "The work is being verified"},
        {},
        {
            "da": "Arbejdet er udført, og vi kontrollerer, at alt fungerer, som det skal.",
            "en": "The work is done, and we are verifying that everything works as it should.",
        },
    ),
    (
        "maintenance", "completed",
        {"da": "Arbejdet er afsluttet", "en": "The work is completed"},
        {},
        {
            "da": "Vedligeholdelsen er afsluttet, og alt fungerer som normalt. Tak for tålmodigheden.",
            "en": "The maintenance is completed, and everything is working normally. Thank you for your patience.",
        },
    ),
    (
        "maintenance", "cancelled",
        {"da": "Arbejdet er aflyst", "en": "The work is called off"},
        {},
        {
            "da": "Vedligeholdelsen er aflyst. Vi giver besked, når vi har fundet et nyt tidspunkt.",
            "en": "The maintenance has been called off. We will let you know when there is a new date.",
        },
    ),
]  # fmt: skip


def add(apps: Any, _schema_editor: Any) -> None:
    codes = [code for code, _name in settings.LANGUAGES]

    def own(texts: dict[str, str]) -> dict[str, str]:
        return {code: text for code, text in texts.items() if code in codes}

    template = apps.get_model("incidents", "UpdateTemplate")
    for position, (kind, phase, name, title, text) in enumerate(TEMPLATES, start=1):
        if own(text):
            template.objects.create(
                kind=kind, phase=phase, position=position, name=own(name), title=own(title), text=own(text)
            )


class Migration(migrations.Migration):
    dependencies = [("incidents", "0007_templates")]

    operations = [migrations.RunPython(add, migrations.RunPython.noop)]
