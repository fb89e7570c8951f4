"""The tables, one module per subject. `operations` changes them; they are read through queryset methods."""

from .alert_rules import AlertGroup, AlertRule, MonitoringAlert
from .announcements import Announcement
from .api_tokens import ApiToken, TokenScope, TokenState
from .audit import ActorKind, AuditEntry
from .bounces import Bounce, FoldedDeliveries
from .component_updates import ComponentUpdate
from .components import PAGE_ORDER, Component, ComponentGroup, page_order
from .consents import ConsentRecord
from .deliveries import ALLOWED_MOVES, WAITING, Delivery, DeliveryState, SkipReason
from .destinations import Destination
from .external_accounts import ExternalAccount, LogInLink
from .heartbeats import Heartbeat
from .holders import Holder
from .idempotent_requests import IdempotentRequest
from .incidents import Incident, Maintenance
from .limits import RateLimit, RequestedMessage
from .logo import Logo
from .mail_domains import MailDomain
from .metric_counts import MetricCount
from .overall import cause_of, overall_status
from .page import Page
from .publication import ARCHIVE, PURGE, StaleSubject
from .reminders import REMINDERS, Reminder
from .requests import SubscriptionRequest
from .second_factor import RecoveryCode, SecondFactor, TrustedDevice
from .series import MaintenanceSeries
from .staff_alerts import AlertKind, AlertMessage, AlertState, StaffAlert, StaffPreferences
from .staff_sessions import StaffSession
from .status_changes import ManualStatus, StatusChange
from .subscribers import IncidentChoice, Subscriber
from .templates import UpdateTemplate
from .unsaved_forms import UnsavedForm
from .updates import AffectedComponent, Update, UpdateRevision
from .versions import Version
from .webhooks import Attempt, RenderedPost, SigningSecret

__all__ = [
    "ALLOWED_MOVES",
    "ARCHIVE",
    "PAGE_ORDER",
    "PURGE",
    "REMINDERS",
    "WAITING",
    "ActorKind",
    "AffectedComponent",
    "AlertGroup",
    "AlertKind",
    "AlertMessage",
    "AlertRule",
    "AlertState",
    "Announcement",
    "ApiToken",
    "Attempt",
    "AuditEntry",
    "Bounce",
    "Component",
    "ComponentGroup",
    "ComponentUpdate",
    "ConsentRecord",
    "Delivery",
    "DeliveryState",
    "Destination",
    "ExternalAccount",
    "FoldedDeliveries",
    "Heartbeat",
    "Holder",
    "IdempotentRequest",
    "Incident",
    "IncidentChoice",
    "LogInLink",
    "Logo",
    "MailDomain",
    "Maintenance",
    "MaintenanceSeries",
    "ManualStatus",
    "MetricCount",
    "MonitoringAlert",
    "Page",
    "RateLimit",
    "RecoveryCode",
    "Reminder",
    "RenderedPost",
    "RequestedMessage",
    "SecondFactor",
    "SigningSecret",
    "SkipReason",
    "StaffAlert",
    "StaffPreferences",
    "StaffSession",
    "StaleSubject",
    "StatusChange",
    "Subscriber",
    "SubscriptionRequest",
    "TokenScope",
    "TokenState",
    "TrustedDevice",
    "UnsavedForm",
    "Update",
    "UpdateRevision",
    "UpdateTemplate",
    "Version",
    "cause_of",
    "overall_status",
    "page_order",
]
