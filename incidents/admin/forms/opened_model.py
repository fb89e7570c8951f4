"""Forms of Django's admin that notice what somebody else changed, and that Enter in a text field does not save."""

from typing import Any

from django.forms.utils import ErrorDict
from django.utils.translation import gettext as _

from ...merging import Snapshot
from ..last_changes import last_saved
from .opened import OpenedForm
from .statements import CHECK


class OpenedModelForm(OpenedForm):
    """The same for a form of Django's admin. A new row collides with nothing."""

    instance: Any

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not self.instance._state.adding:
            self.open_on(self.snapshot(), lambda: last_saved(self.instance))

    def snapshot(self) -> Snapshot:
        raise NotImplementedError

    def full_clean(self) -> None:
        if self.is_bound and not self.is_ready():
            self._errors = self._errors or ErrorDict()
            self.cleaned_data: dict[str, Any] = {}
            self.add_error(None, _("Nothing has been saved yet."))
            return
        super().full_clean()
        if self.is_bound and self.data.get("action") == CHECK:
            self.add_error(None, _("Nothing has been saved yet."))
