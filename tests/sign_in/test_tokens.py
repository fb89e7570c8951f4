"""API tokens: who may make them, what they can do, and when they stop working."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from django.contrib.auth.models import Group, User
from django.core import mail
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from incidents import operations
from incidents.models import ApiToken, AuditEntry, TokenScope
from incidents.operations.tokens import MadeAlready
from incidents.sign_in import emails, factor_emails, token_emails, tokens
from incidents.sign_in.tokens import InvalidToken, MalformedHeader, MissingToken, TooManyAttempts, authenticate
from incidents.staff import audit, rights, roles, scopes
from incidents.staff.actors import Actor, command, person
from incidents.staff.roles import Role
from incidents.status import ComponentStatus, Kind, Phase
from tests.actors import ANYBODY
from tests.factories import make_component, make_incident, make_page, make_statement, make_subscriber

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)
NETWORK = "192.0.2.0/24"


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    make_page()
    with time_machine.travel(NOW, tick=False) as traveller:
        yield traveller


@pytest.fixture
def karen(db: None) -> User:
    roles.update_groups()
    user = User.objects.create_user("karen", "karen@example.com", is_staff=True)
    user.groups.add(Group.objects.get(name=Role.ADMINISTRATOR.group_name))
    return user


def make_token(owner: User, *chosen: str, days: int = 30, **fields: Any) -> ApiToken:
    given = {"name": "Deployments", "scopes": chosen or ["read"], "expires_at": NOW + timedelta(days=days), **fields}
    return operations.create_token(owner=owner, by=person(owner, NETWORK), **given)


def actor_of(token: ApiToken) -> Actor:
    return authenticate(f"OAuth {token.secret}", NETWORK)


def again(user: User) -> User:
    """The account without the rights that Django remembers."""
    return User.objects.get(pk=user.pk)


# Making one


def test_secret_can_be_recognised_by_scanners_and_is_stored_only_as_a_hash(karen: User) -> None:
    token = make_token(karen)
    assert re.fullmatch(r"sp_[0-9A-Za-z]{49}", token.secret)
    assert token.prefix == token.secret[:11]
    stored = str(ApiToken.objects.values().get())
    assert token.secret not in stored
    assert token.secret[11:] not in stored
    assert ApiToken.objects.get().secret == ""


def test_no_two_secrets_are_the_same() -> None:
    assert len({tokens.new_secret() for _number in range(100)}) == 100


def test_audit_log_names_the_new_token_without_secret_and_hash(karen: User) -> None:
    token = make_token(karen, "read", "draft")
    entry = AuditEntry.objects.get(operation="create_token")
    assert (entry.actor_kind, entry.user, entry.object_id) == ("person", karen.pk, token.pk)
    assert entry.object_name == {"": "Deployments"}
    assert entry.after["scopes"] == ["read", "draft"]
    assert entry.after["prefix"] == token.prefix
    line = "".join(audit.lines(AuditEntry.objects.all()))
    assert token.secret[11:] not in line
    assert token.key_hash not in line


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"name": "  "}, "name"),
        ({"name": "x" * 61}, "name"),
        ({"scopes": []}, "scopes"),
        ({"scopes": ["everything"]}, "scopes"),
        ({"expires_at": NOW}, "expires_at"),
        ({"expires_at": NOW + timedelta(days=366, seconds=1)}, "expires_at"),
    ],
)
def test_wrong_field_is_named(karen: User, fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValidationError) as refusal:
        make_token(karen, **fields)
    assert list(refusal.value.message_dict) == [field]
    assert not ApiToken.objects.exists()


def test_database_refuses_unknown_scopes_and_long_lives(karen: User) -> None:
    token = make_token(karen)
    cases: list[dict[str, Any]] = [
        {"scopes": ["x"]},
        {"scopes": []},
        {"expires_at": NOW + timedelta(days=400)},
        {"expires_at": NOW},
    ]
    for wrong in cases:
        with pytest.raises(IntegrityError), transaction.atomic():
            ApiToken.objects.filter(pk=token.pk).update(**wrong)


def test_people_make_tokens_only_for_themselves_and_only_with_the_right(karen: User) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    ole.groups.add(Group.objects.get(name=Role.PUBLISHER.group_name))
    given: Any = {"name": "x", "scopes": ["read"], "expires_at": NOW + timedelta(days=1)}
    for by in (person(karen), person(ole)):
        with pytest.raises(PermissionDenied):
            operations.create_token(owner=ole, by=by, **given)
    ole.user_permissions.set(roles.permissions([rights.ADD_TOKEN]))
    operations.create_token(owner=again(ole), by=person(again(ole)), **given)


def test_token_makes_and_revokes_no_token(karen: User) -> None:
    token = make_token(karen, *TokenScope.values)
    given: Any = {"name": "x", "scopes": ["read"], "expires_at": NOW + timedelta(days=1)}
    with pytest.raises(PermissionDenied):
        operations.create_token(owner=karen, by=actor_of(token), **given)
    with pytest.raises(PermissionDenied):
        operations.revoke_token(token=token, by=actor_of(token))


def test_same_form_makes_one_token(karen: User) -> None:
    first = make_token(karen, pk="abcdefghijkl")
    assert first.pk == "abcdefghijkl"
    with pytest.raises(MadeAlready):
        make_token(karen, pk="abcdefghijkl")
    assert ApiToken.objects.get().key_hash == first.key_hash


@pytest.mark.django_db(transaction=True)
def test_owner_is_notified_of_a_new_token_without_its_secret(karen: User) -> None:
    token = make_token(karen)
    (message,) = mail.outbox
    assert message.to == ["karen@example.com"]
    assert message.subject == "Nyt API-token: Nordhost driftsstatus"
    body = str(message.body)
    assert "Deployments" in body
    assert token.prefix in body
    assert NETWORK in body
    assert token.secret[11:] not in body


@pytest.mark.django_db(transaction=True)
def test_failing_emails_about_an_account_are_logged_and_stop_nothing(
    karen: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(**_options: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr("incidents.sign_in.sending.send", fail)
    emails.send_new_password(karen, None)
    factor_emails.send(karen, factor_emails.FactorEvent.RESET)
    make_token(karen)
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [RuntimeError] * 3


# Using one


@pytest.mark.parametrize("form", ["OAuth {}", "Bearer {}", "bearer  {}", "oauth {} "])
def test_token_is_accepted_as_clients_send_it(karen: User, form: str) -> None:
    token = make_token(karen)
    actor = authenticate(form.format(token.secret), NETWORK)
    assert (actor.token, actor.user, actor.network) == (token, karen, NETWORK)
    assert actor.name == "Deployments (karen)"


@pytest.mark.parametrize("header", [None, ""])
def test_missing_header_is_an_error_of_its_own(header: str | None) -> None:
    with pytest.raises(MissingToken):
        authenticate(header, NETWORK)


@pytest.mark.parametrize(
    "header", ["Basic a2FyZW46eA==", "OAuth", "Bearer a b", "sp_abc", "OAuth å", f"OAuth {'x' * 201}"]
)
def test_malformed_header_is_an_error_of_its_own(header: str) -> None:
    with pytest.raises(MalformedHeader):
        authenticate(header, NETWORK)


def test_wrong_secrets_are_refused(karen: User) -> None:
    secret = make_token(karen).secret
    swapped = secret[:-1] + ("a" if secret[-1] != "a" else "b")
    for wrong in (tokens.new_secret(), swapped, secret.lower(), secret[3:], f"{secret}x", "sp_", "x", "sp_" + "0" * 49):
        with pytest.raises(InvalidToken):
            authenticate(f"OAuth {wrong}", NETWORK)


def test_expired_token_is_refused(karen: User, clock: time_machine.Traveller) -> None:
    token = make_token(karen, days=1)
    clock.shift(timedelta(days=1, microseconds=-1))
    actor_of(token)
    clock.shift(timedelta(microseconds=1))
    with pytest.raises(InvalidToken):
        actor_of(token)


def test_revoked_token_is_refused_and_stays_revoked(karen: User) -> None:
    token = make_token(karen)
    assert operations.revoke_token(token=token, by=person(karen))
    with pytest.raises(InvalidToken):
        actor_of(token)
    assert not operations.revoke_token(token=token, by=ANYBODY)
    token.refresh_from_db()
    assert (token.revoked_at, token.revoked_by) == (NOW, karen)
    assert AuditEntry.objects.filter(operation="revoke_token").count() == 1


def test_only_the_owner_and_who_has_the_right_revoke_a_token(karen: User) -> None:
    ole = User.objects.create_user("ole", is_staff=True)
    ole.user_permissions.set(roles.permissions([rights.ADD_TOKEN, "incidents.view_incident"]))
    with pytest.raises(PermissionDenied):
        operations.revoke_token(token=make_token(karen), by=person(ole))
    own = make_token(ole)
    ole.user_permissions.clear()
    assert operations.revoke_token(token=own, by=person(again(ole)))


@pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}, "lost the right", "deleted"], ids=str)
def test_token_dies_with_its_account(karen: User, change: Any) -> None:
    token = make_token(karen)
    if change == "deleted":
        karen.delete()
    elif change == "lost the right":
        karen.groups.clear()
    else:
        User.objects.filter(pk=karen.pk).update(**change)
    with pytest.raises(InvalidToken):
        actor_of(token)
    assert ApiToken.objects.filter(pk=token.pk).exists()


def test_wrong_tokens_are_limited_for_each_network_and_right_ones_are_not(
    karen: User, clock: time_machine.Traveller
) -> None:
    token = make_token(karen)
    for _attempt in range(20):
        with pytest.raises(InvalidToken):
            authenticate("OAuth wrong", NETWORK)
    with pytest.raises(TooManyAttempts) as refusal:
        authenticate("OAuth wrong", NETWORK)
    assert refusal.value.wait == timedelta(seconds=30)
    actor_of(token)
    with pytest.raises(InvalidToken):
        authenticate("OAuth wrong", "198.51.100.0/24")
    clock.shift(timedelta(seconds=30))
    with pytest.raises(InvalidToken):
        authenticate("OAuth wrong", NETWORK)


def test_last_use_is_recorded_at_most_once_a_minute(karen: User, clock: time_machine.Traveller) -> None:
    token = make_token(karen)
    seen = []
    for network in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"):
        authenticate(f"Bearer {token.secret}", network)
        seen.append(ApiToken.objects.values_list("last_used_at", "last_used_network").get())
        clock.shift(timedelta(seconds=30))
    later = NOW + timedelta(minutes=1)
    assert seen == [(NOW, "192.0.2.0/24"), (NOW, "192.0.2.0/24"), (later, "203.0.113.0/24")]


def test_two_tokens_work_while_one_replaces_the_other(karen: User) -> None:
    old, new = make_token(karen), make_token(karen)
    actor_of(old)
    actor_of(new)
    operations.revoke_token(token=old, by=person(karen))
    assert actor_of(new).token == new


# What a token may do

_ALL = sorted(
    {
        *(rights.publish(kind) for kind in Kind),
        *(deed(kind) for deed in (rights.add, rights.change) for kind in Kind),
        *(f"incidents.view_{model}" for model in ("incident", "maintenance", "component", "subscriber", "page")),
        *(value for name, value in vars(rights).items() if name.isupper()),
        "incidents.view_auditentry", "auth.change_user", "auth.add_user", "auth.change_group",
    }
)  # fmt: skip


@pytest.mark.parametrize("scope", TokenScope)
def test_token_may_exactly_what_its_scope_says(karen: User, scope: TokenScope) -> None:
    actor = actor_of(make_token(karen, scope.value))
    assert [right for right in _ALL if actor.may(right)] == sorted(scopes.rights_of_scope(scope) & set(_ALL))


@pytest.mark.parametrize("scope", TokenScope)
def test_no_scope_reaches_accounts_tokens_or_the_audit_log(scope: TokenScope) -> None:
    named = " ".join(scopes.rights_of_scope(scope))
    assert not re.search(r"auth\.|apitoken|auditentry", named)


@pytest.mark.parametrize("scope", TokenScope)
@pytest.mark.parametrize("role", Role)
def test_token_never_may_more_than_its_owner_may_now(karen: User, role: Role, scope: TokenScope) -> None:
    token = make_token(karen, scope.value)
    karen.groups.set(Group.objects.filter(name=role.group_name))
    karen.user_permissions.set(roles.permissions([rights.ADD_TOKEN]))
    actor, owner = actor_of(token), person(again(karen))
    assert not [right for right in _ALL if actor.may(right) and not owner.may(right)]


def test_scopes_add_up(karen: User) -> None:
    actor = actor_of(make_token(karen, "components", "subscribers"))
    assert actor.may(rights.SET_STATUS)
    assert actor.may(rights.CHANGE_SUBSCRIBER)
    assert not actor.may(rights.CHANGE_COMPONENT)
    assert not actor.may(rights.publish(Kind.INCIDENT))


def test_token_for_components_sets_statuses_and_does_nothing_else(karen: User) -> None:
    component = make_component("mail")
    actor = actor_of(make_token(karen, "components"))
    operations.set_component_status(component=component, status=ComponentStatus.PARTIAL_OUTAGE, by=actor)
    with pytest.raises(PermissionDenied):
        operations.edit_component(component=component, fields={"position": 3}, by=actor)
    with pytest.raises(PermissionDenied):
        operations.withdraw(incident=make_incident(), by=actor)


def test_token_for_drafts_writes_drafts_and_publishes_nothing(karen: User) -> None:
    incident, actor = make_incident(), actor_of(make_token(karen, "draft"))
    operations.post_update(incident=incident, statement=make_statement(Phase.IDENTIFIED), draft=True, by=actor)
    with pytest.raises(PermissionDenied):
        operations.post_update(incident=incident, statement=make_statement(Phase.IDENTIFIED), by=actor)


def test_publisher_is_offered_no_scope_that_is_of_no_use(karen: User) -> None:
    karen.groups.set(Group.objects.filter(name=Role.PUBLISHER.group_name))
    assert scopes.offered_to(again(karen)) == [
        TokenScope.READ,
        TokenScope.DRAFT,
        TokenScope.PUBLISH,
        TokenScope.COMPONENTS,
        TokenScope.ALERTS,
    ]
    karen.user_permissions.set(roles.permissions([rights.ADD_TOKEN]))
    with pytest.raises(ValidationError):
        make_token(again(karen), "subscribers")


# Traces


def test_audit_log_names_token_and_owner_also_when_both_are_gone(karen: User) -> None:
    subscriber = make_subscriber("anna@example.dk")
    token = make_token(karen, "subscribers")
    operations.end_subscription(subscriber=subscriber, by=actor_of(token))
    number = karen.pk
    karen.delete()
    entry = AuditEntry.objects.get(operation="end_subscription")
    assert (entry.actor_kind, entry.actor_name, entry.api_token) == ("token", "Deployments (karen)", token.pk)
    assert (entry.user, entry.roles, entry.network) == (number, [Role.ADMINISTRATOR.group_name], NETWORK)
    assert '"token": "' + token.pk in next(audit.lines(AuditEntry.objects.filter(pk=entry.pk)))
    assert list(audit.verify()) == []


def test_no_secret_reaches_the_log(karen: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(0)
    token = make_token(karen)
    actor_of(token)
    operations.revoke_token(token=token, by=command("check"))
    for header in (f"OAuth {token.secret}", f"OAuth {token.secret} x"):
        with pytest.raises(tokens.TokenRefused) as refusal:
            authenticate(header, NETWORK)
        assert token.secret not in repr(refusal.value)
    assert token.secret[11:] not in caplog.text
    assert token.key_hash not in "".join(audit.lines(AuditEntry.objects.all()))


# Before the end


@pytest.mark.django_db(transaction=True)
def test_owner_is_notified_once_seven_days_before_the_end(karen: User, clock: time_machine.Traveller) -> None:
    make_token(karen)
    operations.revoke_token(token=make_token(karen), by=ANYBODY)
    mail.outbox.clear()
    clock.shift(timedelta(days=23, seconds=-1))
    assert token_emails.notify_of_expiry(datetime.now(UTC)) == 0
    clock.shift(timedelta(seconds=1))
    assert token_emails.notify_of_expiry(datetime.now(UTC)) == 1
    assert token_emails.notify_of_expiry(datetime.now(UTC)) == 0
    (message,) = mail.outbox
    assert message.subject == "Et API-token udløber snart: Nordhost driftsstatus"


def test_nobody_is_notified_of_a_token_that_is_dead_already(karen: User, clock: time_machine.Traveller) -> None:
    make_token(karen, days=5)
    User.objects.filter(pk=karen.pk).update(is_active=False)
    assert token_emails.notify_of_expiry(NOW) == 0
