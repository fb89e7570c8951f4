"""The page's logo, stored in the database, which is backed up and shared by all processes."""

import hashlib

from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _

from ..images import image_info
from .fields import IdField

MAX_BYTES = 100 * 1024  # bytes
MAX_SIDE = 2_000  # pixels


class Logo(models.Model):
    id = IdField()
    content = models.BinaryField()
    checksum = models.CharField(max_length=12)
    ending = models.CharField(max_length=4)
    width = models.PositiveIntegerField()
    height = models.PositiveIntegerField()

    class Meta:
        verbose_name = _("logo")
        verbose_name_plural = _("logos")

    def __str__(self) -> str:
        return self.key

    @property
    def key(self) -> str:
        """The file name of the published document; changes with the content."""
        return f"{self.checksum}.{self.ending}"


def logo_from(content: bytes) -> Logo:
    """Return an unsaved logo. Raises ValidationError for files that are too large or not safe to show as images."""
    if len(content) > MAX_BYTES:
        raise ValidationError(_("The file may have at most 100 kB."), code="too_large")
    found = image_info(content)
    if found is None:
        raise ValidationError(_("Choose a PNG, WebP or JPEG picture."), code="not_a_picture")
    if not 0 < min(found.width, found.height) <= max(found.width, found.height) <= MAX_SIDE:
        raise ValidationError(_("The picture may be at most 2000 pixels wide and high."), code="too_many_pixels")
    checksum = hashlib.sha256(content).hexdigest()[:12]
    return Logo(content=content, checksum=checksum, ending=found.ending, width=found.width, height=found.height)
