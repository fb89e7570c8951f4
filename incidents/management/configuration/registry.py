"""The sections of the file, in the order in which they are written, compared and stored."""

from .alert_rules import AlertRuleSection
from .components import ComponentSection
from .groups import GroupSection
from .page import PageSection
from .sections import FileSection
from .templates import TemplateSection

SECTIONS: tuple[FileSection, ...] = (
    PageSection(),
    GroupSection(),
    ComponentSection(),
    TemplateSection(),
    AlertRuleSection(),
)
