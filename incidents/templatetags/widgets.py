"""What the templates of form widgets need: `{% load widgets %}`."""

from django import template
from django.forms.utils import flatatt

register = template.Library()

register.filter("attributes", flatatt)
