"""The tables, one module per subject. Changed by `operations`, read through queryset verbs."""

from .aftermath import Bounce, FoldedDeliveries
from .components import Component, ComponentGroup, StatusChange
from .deliveries import MOVES, WAITING, Announcement, Delivery, DeliveryState, Destination, SkipReason
from .hosts import MailDomain
from .incidents import Incident, Maintenance
from .logo import Logo
from .overall import overall_status
from .page import Page
from .publication import StaleSubject
from .subscribers import IncidentChoice, LetterLimit, Subscriber
from .templates import UpdateTemplate
from .updates import AffectedComponent, Update, UpdateRevision
from .watch import Heartbeat
from .webhooks import Attempt, SigningSecret

__all__ = [
    "MOVES",
    "WAITING",
    "AffectedComponent",
    "Announcement",
    "Attempt",
    "Bounce",
    "Component",
    "ComponentGroup",
    "Delivery",
    "DeliveryState",
    "Destination",
    "FoldedDeliveries",
    "Heartbeat",
    "Incident",
    "IncidentChoice",
    "LetterLimit",
    "Logo",
    "MailDomain",
    "Maintenance",
    "Page",
    "SigningSecret",
    "SkipReason",
    "StaleSubject",
    "StatusChange",
    "Subscriber",
    "Update",
    "UpdateRevision",
    "UpdateTemplate",
    "overall_status",
]
