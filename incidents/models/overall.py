"""The overall status, shown by home page, badge, banner, API and newsroom."""

from django.db.models import Exists, OuterRef

from ..status import STATUS_OF_IMPACT, ComponentStatus, worst_of
from .components import Component
from .incidents import Incident
from .updates import Update


def overall_status() -> ComponentStatus:
    """Return the worst of all component statuses and of the impacts of ongoing incidents without components.

    So an incident that names no component still shows that something is wrong.
    """
    statuses = Component.objects.public().values_list("status", flat=True)
    naming = Update.objects.public().filter(incident=OuterRef("pk"), affected__component__hidden=False)
    unnamed = Incident.objects.public().ongoing().exclude(Exists(naming)).values_list("impact", flat=True)
    return worst_of([*statuses, *(STATUS_OF_IMPACT[impact] for impact in unnamed)])
