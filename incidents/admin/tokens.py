"""API tokens: the list, a page for each, making one, whose secret is shown once, and revoking one."""

from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import path, reverse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _

from .. import operations
from ..models import ApiToken, TokenScope, TokenState
from ..operations.tokens import MadeAlready
from ..sign_in.tokens import is_owner_entitled
from ..staff import rights
from ..staff.scopes import EXPLANATIONS, in_words
from ..wording import moment, short_moment
from .addresses import list_page
from .filters import OneOfFilter
from .forms.tokens import ApiTokenForm
from .paging import PagedAdmin
from .read_only import may_see
from .shared import actor, page, writer


class StateFilter(OneOfFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(TokenState.choices)

    def chosen(self, rows: Any, value: str) -> QuerySet[Any]:
        in_state: QuerySet[Any] = rows.in_state(TokenState(value), timezone.now())
        return in_state


@admin.register(ApiToken)
class ApiTokenAdmin(PagedAdmin[ApiToken]):
    """Staff see and revoke their own tokens, those with the right everybody's. Nobody changes or deletes one."""

    list_display = ("name", "state", "scopes_in_words", "owner", "used", "expires")
    list_display_links = ("name",)
    list_filter = (StateFilter,)
    list_select_related = ("created_by",)
    ordering = ("-created_at", "-id")
    sortable_by = ()
    search_fields = ("name", "prefix", "created_by__username")
    search_help_text = _("The name of a token, its first characters, or the name of a person.")
    actions = None

    def get_urls(self) -> list[Any]:
        view = self.admin_site.admin_view(self.revoke)
        return [path("<id:object_id>/revoke/", view, name="incidents_apitoken_revoke"), *super().get_urls()]

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        rows = super().get_queryset(request).select_related("created_by", "revoked_by")
        return rows if _sees_all(request) else rows.filter(created_by=writer(request))

    def has_view_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return _sees_all(request) or (
            request.user.has_perm(rights.ADD_TOKEN) and (obj is None or obj.created_by == request.user)
        )

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        return False

    def add_view(self, request: HttpRequest, form_url: str = "", extra_context: Any = None) -> HttpResponse:
        """Make a token; the answer shows its secret, which nothing keeps readable."""
        if not self.has_add_permission(request):
            raise PermissionDenied
        form = ApiTokenForm(request.POST or None, user=writer(request))
        if request.method == "POST" and form.is_valid():
            try:
                token = operations.create_token(owner=writer(request), by=actor(request), **form.given())
                return page(self, request, "api_token_made", {"title": gettext("The new token"), "token": token})
            except MadeAlready:
                return self._made_already(request, form)
            except ValidationError as refusal:
                form.refuse(refusal)
        return page(self, request, "api_token_add", {"title": gettext("Make an API token"), "form": form})

    def _made_already(self, request: HttpRequest, form: ApiTokenForm) -> HttpResponse:
        said = gettext(
            "This token was made already, and its secret was shown once. If nobody has it, revoke the token and make "
            "another one."
        )
        messages.info(request, said)
        earlier = form.earlier()
        if earlier and self.has_view_permission(request, earlier):
            return HttpResponseRedirect(reverse("admin:incidents_apitoken_change", args=[earlier.pk]))
        return HttpResponseRedirect(list_page("apitoken"))

    def change_view(
        self, request: HttpRequest, object_id: str, form_url: str = "", extra_context: Any = None
    ) -> HttpResponse:
        """What a token is for, and how it was used."""
        token = self._visible(request, object_id)
        context = {
            "title": token.name,
            "token": token,
            "state": self.state(token),
            "is_valid": token.state(timezone.now()) == TokenState.VALID,
            "scopes": [(scope.label, EXPLANATIONS[scope]) for scope in TokenScope if scope in token.scopes],
            "expires": moment(token.expires_at),
            "may_see_audit_log": may_see(request.user, "auditentry"),
        }
        return page(self, request, "api_token", context)

    def revoke(self, request: HttpRequest, object_id: str) -> HttpResponse:
        """Ask for confirmation, then end a token."""
        token = self._visible(request, object_id)
        if request.method != "POST":
            title = gettext("Revoke the token?")
            return page(self, request, "api_token_revoke", {"title": title, "subtitle": token.name, "token": token})
        if operations.revoke_token(token=token, by=actor(request)):
            messages.success(request, gettext("The token is revoked. Programs that have it are refused from now on."))
        else:
            messages.info(request, gettext("The token was revoked already. Nothing was done twice."))
        return HttpResponseRedirect(reverse("admin:incidents_apitoken_change", args=[token.pk]))

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> ApiToken | None:
        """The token, if this person sees it. Raises PermissionDenied if they see none at all."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        return super().get_object(request, object_id, from_field)

    def _visible(self, request: HttpRequest, pk: str) -> ApiToken:
        token = self.get_object(request, pk)
        if token is None:
            raise Http404
        return token

    @admin.display(description=_("state"))
    def state(self, token: ApiToken) -> str:
        """The state in words. A valid token whose owner may not have it any more is refused."""
        found = token.state(timezone.now())
        if found == TokenState.VALID and not is_owner_entitled(token):
            return gettext("Refused: its owner may no longer have tokens")
        return str(found.label)

    @admin.display(description=_("scopes"))
    def scopes_in_words(self, token: ApiToken) -> str:
        return in_words(token.scopes)

    @admin.display(description=_("made by"))
    def owner(self, token: ApiToken) -> str:
        return token.created_by.get_username() if token.created_by else gettext("a deleted account")

    @admin.display(description=_("last used"))
    def used(self, token: ApiToken) -> SafeString | str:
        return short_moment(token.last_used_at) if token.last_used_at else gettext("never")

    @admin.display(description=pgettext_lazy("token", "expires"))
    def expires(self, token: ApiToken) -> SafeString:
        return short_moment(token.expires_at)


def _sees_all(request: HttpRequest) -> bool:
    return bool(request.user.has_perm(rights.CHANGE_TOKEN))
