"""How things are as a whole: the state that home, badge, banner, API and newsroom tell in one sentence."""

from django.db.models import Exists, OuterRef

from ..status import STATUS_OF_IMPACT, ComponentStatus, worst_of
from .components import Component
from .incidents import Incident
from .updates import Update


def overall_status() -> ComponentStatus:
    """The worst status of a component, or the impact of what goes on without naming one: nobody is told all is well."""
    statuses = Component.objects.public().values_list("status", flat=True)
    naming = Update.objects.public().filter(incident=OuterRef("pk"), affected__component__hidden=False)
    unnamed = Incident.objects.public().ongoing().exclude(Exists(naming)).values_list("impact", flat=True)
    return worst_of([*statuses, *(STATUS_OF_IMPACT[impact] for impact in unnamed)])
