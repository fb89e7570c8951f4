"""The tables, one module per subject. Changed by `operations`, read through queryset verbs."""

from .aftermath import Bounce, FoldedDeliveries
from .announcements import Announcement
from .components import PAGE_ORDER, Component, ComponentGroup, StatusChange, page_order
from .deliveries import MOVES, WAITING, Delivery, DeliveryState, SkipReason
from .destinations import Destination
from .hosts import MailDomain
from .incidents import Incident, Maintenance
from .logo import Logo
from .overall import overall_status
from .page import Page
from .publication import PURGE, StaleSubject
from .requests import SubscriptionRequest
from .subscribers import IncidentChoice, LetterLimit, Subscriber
from .templates import UpdateTemplate
from .updates import AffectedComponent, Update, UpdateRevision
from .watch import Heartbeat
from .webhooks import Attempt, SigningSecret

__all__ = [
    "MOVES",
    "PAGE_ORDER",
    "PURGE",
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
    "SubscriptionRequest",
    "Update",
    "UpdateRevision",
    "UpdateTemplate",
    "overall_status",
    "page_order",
]
