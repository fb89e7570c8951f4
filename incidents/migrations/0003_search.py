from django.db import migrations

INCIDENT = """
CREATE INDEX incident_search_{language} ON incidents_incident USING gin (
    (setweight(to_tsvector('{dictionary}', coalesce(title ->> '{language}', '')), 'A')
     || to_tsvector('{dictionary}', coalesce(user_impact ->> '{language}', '')
        || ' ' || coalesce(scope ->> '{language}', '') || ' ' || coalesce(workaround ->> '{language}', '')
        || ' ' || coalesce(root_cause ->> '{language}', '') || ' ' || coalesce(next_steps ->> '{language}', '')
        || ' ' || upstream_name))
) WHERE published_at IS NOT NULL
"""
UPDATE = """
CREATE INDEX update_search_{language} ON incidents_update USING gin (
    to_tsvector('{dictionary}', coalesce(text ->> '{language}', '') || ' ' || quote)
) WHERE published_at IS NOT NULL
"""


def index(template: str, name: str, language: str, dictionary: str) -> migrations.RunSQL:
    return migrations.RunSQL(
        template.format(language=language, dictionary=dictionary), f"DROP INDEX {name}_search_{language}"
    )


class Migration(migrations.Migration):
    """The search in the history: incidents/models/text_search.py asks with these very expressions."""

    dependencies = [("incidents", "0002_following")]

    operations = [
        index(INCIDENT, "incident", "da", "danish"),
        index(INCIDENT, "incident", "en", "english"),
        index(UPDATE, "update", "da", "danish"),
        index(UPDATE, "update", "en", "english"),
    ]
