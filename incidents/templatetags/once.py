"""`{% load once %}`: parts of a template that are the same on every page are rendered once per turn and language."""

from collections.abc import MutableMapping

from django import template
from django.template.base import Node, NodeList, Parser, Token
from django.template.context import Context
from django.utils.safestring import SafeString

register = template.Library()


class OnceNode(Node):
    """What is between `{% once %}` and `{% endonce %}`. It may depend on the page and the language only.

    The context's `rendered_once` keeps it; without one, as on dynamic pages, it is rendered each time.
    """

    child_nodelists = ()  # it has no blocks; Django would look for them each time that a page is rendered

    def __init__(self, nodelist: NodeList) -> None:
        self.nodelist = nodelist

    def render(self, context: Context) -> SafeString:
        kept: MutableMapping[Node, SafeString] | None = context.get("rendered_once")
        if kept is None:
            return self.nodelist.render(context)
        if self not in kept:
            kept[self] = self.nodelist.render(context)
        return kept[self]


@register.tag
def once(parser: Parser, _token: Token) -> OnceNode:
    nodelist = parser.parse(("endonce",))
    parser.delete_first_token()
    return OnceNode(nodelist)
