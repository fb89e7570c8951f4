"""Registers `incidents.wording` as filters and tags; available in every template."""

from django import template

from .. import wording

register = template.Library()

for _filter in (
    wording.language_name,
    wording.language_own_name,
    wording.direction,
    wording.words,
    wording.markdown,
    wording.excerpt,
    wording.moment,
    wording.short_moment,
    wording.time_of_day,
    wording.day,
    wording.month,
    wording.duration,
    wording.rough_duration,
    wording.percent,
):
    register.filter(_filter)

for _tag in (
    wording.quote_heading,
    wording.counted,
    wording.passage,
    wording.prose,
    wording.span,
    wording.began,
    wording.planned,
):
    register.simple_tag(_tag)
