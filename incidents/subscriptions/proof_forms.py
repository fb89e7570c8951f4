"""The forms for the holder of a link from an earlier message; see `proof`."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from . import addresses
from .forms import AddressForm, FollowForm, SignUpForm, WebhookForm
from .proof import Proof


class ProofForm(forms.Form):
    """A form whose address is proved by a link. It is typed only if it is not stored any more."""

    def __init__(self, *args: Any, proof: Proof, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.proof = proof
        # The holder of a link is no script. The address is known, or compared with the one that the link was sent to.
        for name in ("stamp", "subject", *(["address"] if proof.address else [])):
            self.fields.pop(name, None)

    @property
    def proved_address(self) -> str:
        """The proved address of a valid form."""
        return str(self.cleaned_data.get("address", self.proof.address))

    def clean_address(self) -> str:
        address = addresses.normalise(self.cleaned_data["address"])
        if not self.proof.proves(address):
            raise ValidationError(_("The email with the link was sent to another address."), code="other")
        return address


class SubscribeAgainForm(ProofForm, SignUpForm):
    """Asks for the choices again: the link may be in other hands, and must not show the earlier ones."""


class WebhookAgainForm(ProofForm, WebhookForm):
    """Asks for the address of the webhook again: it is as secret as a password, and the link may be old."""


class NewManageLinkForm(ProofForm, AddressForm):
    pass


class FollowAgainForm(ProofForm, FollowForm):
    pass
