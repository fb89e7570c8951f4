from django.db import migrations

# Without accents and case; “å”, “aa” and “a” are the same, and so are “æ”, “ae” and “a”, and “ø”, “oe” and “o”.
# Case is folded after the accents are removed, because a database with the locale C folds ASCII letters only.
FOLDED = r"""
CREATE FUNCTION search_folded(given text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT regexp_replace(regexp_replace(
        lower(translate(regexp_replace(normalize(given, NFD), U&'[\0300-\036F]', '', 'g'), 'ØøÆæŒœĐđŁł', 'ooaaooddll')),
        'a[ae]+', 'a', 'g'), 'oe+', 'o', 'g')
$$
"""
TITLE = """
CREATE INDEX incident_newsroom_title_{language} ON incidents_incident USING gin (
    to_tsvector('{dictionary}', search_folded(coalesce(title ->> '{language}', '')))
)
"""
DETAILS = """
CREATE INDEX incident_newsroom_details_{language} ON incidents_incident USING gin (
    to_tsvector('{dictionary}', search_folded(coalesce(user_impact ->> '{language}', '')
        || ' ' || coalesce(scope ->> '{language}', '') || ' ' || coalesce(workaround ->> '{language}', '')
        || ' ' || coalesce(root_cause ->> '{language}', '') || ' ' || coalesce(next_steps ->> '{language}', '')
        || ' ' || upstream_name))
)
"""
UPDATE = """
CREATE INDEX update_newsroom_text_{language} ON incidents_update USING gin (
    to_tsvector('{dictionary}', search_folded(coalesce(text ->> '{language}', '') || ' ' || quote))
)
"""
ADDRESS = """
CREATE INDEX subscriber_address_parts ON incidents_subscriber USING gin (
    to_tsvector('simple', translate(search_folded(address || ' ' || owner), '@.-_+/:?&=~', '           '))
)
"""


def index(template: str, name: str, language: str, dictionary: str) -> migrations.RunSQL:
    return migrations.RunSQL(template.format(language=language, dictionary=dictionary), f"DROP INDEX {name}_{language}")


class Migration(migrations.Migration):
    """The search in the newsroom's lists; incidents/models/text_search.py has the same expressions."""

    dependencies = [("incidents", "0028_introduction_at_the_foot")]

    operations = [
        migrations.RunSQL(FOLDED, "DROP FUNCTION search_folded(text)"),
        *(
            index(template, name, language, dictionary)
            for language, dictionary in (("da", "danish"), ("en", "english"))
            for template, name in (
                (TITLE, "incident_newsroom_title"),
                (DETAILS, "incident_newsroom_details"),
                (UPDATE, "update_newsroom_text"),
            )
        ),
        migrations.RunSQL(ADDRESS, "DROP INDEX subscriber_address_parts"),
    ]
