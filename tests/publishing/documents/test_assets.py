"""Style sheet, script and icons as documents; the brand colour stays legible."""

import gzip
import re
from pathlib import Path

import pytest
from django.conf import settings

from incidents.appearance import APPEARANCES, STATE_OF_IMPACT
from incidents.models import Page
from incidents.publishing.documents.assets import BANNER_STYLES, NAMES, SCRIPTS, STYLES, asset, asset_path
from incidents.publishing.documents.brand_colour import DARK_PAPER, LIGHT_PAPER, READABLE, contrast, readable_on
from incidents.status import ComponentStatus, Impact

SOURCES = Path(settings.BASE_DIR) / "static"


def test_address_changes_only_with_the_content() -> None:
    blue, red = Page(brand_colour="#1f4e79"), Page(brand_colour="#aa0000")
    assert asset_path("site.css", blue) == asset_path("site.css", Page(brand_colour="#1f4e79"))
    assert asset_path("site.css", blue) != asset_path("site.css", red)
    assert asset_path("site.js", blue) == asset_path("site.js", red)
    assert re.fullmatch(r"/assets/site-[0-9a-f]{12}\.css", asset_path("site.css", blue))


def test_every_source_is_published() -> None:
    assert {*STYLES, *BANNER_STYLES} == {path.stem for path in (SOURCES / "css" / "public").glob("*.css")}
    scripts = {path.stem for path in (SOURCES / "js").glob("*.js")}
    assert set(SCRIPTS) == {name for name in scripts if not name.startswith("admin-")}


def test_style_sheet_loads_nothing_else() -> None:
    css = asset("site.css", "#1f4e79").decode()
    assert "url(" not in css
    assert "@import" not in css
    assert "/*" not in css


def test_all_assets_together_are_small() -> None:
    weight = sum(len(gzip.compress(asset(key, "#1f4e79"))) for key in ("site.css", "site.js"))
    assert weight < 9_000


def test_every_state_has_a_shape_of_its_own_and_an_icon() -> None:
    assert {*ComponentStatus} <= {*APPEARANCES}
    assert {*STATE_OF_IMPACT} == {*Impact}
    for state in ComponentStatus:
        assert APPEARANCES[state].path in asset(f"favicon-{state}.svg", "#1f4e79").decode()
        assert f"favicon-{state}.svg" in NAMES


def test_contrast_is_as_wcag_defines_it() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("brand", ["#1f4e79", "#ffee00", "#ffffff", "#000000", "#e4002b"])
@pytest.mark.parametrize("paper", [LIGHT_PAPER, DARK_PAPER])
def test_any_brand_colour_is_made_legible(brand: str, paper: str) -> None:
    assert contrast(paper, readable_on(paper, brand)) >= READABLE


def test_legible_brand_colour_is_not_changed() -> None:
    assert readable_on(LIGHT_PAPER, "#1f4e79") == "#1f4e79"


@pytest.mark.parametrize("scheme", [0, 1], ids=["light", "dark"])
def test_states_and_texts_are_legible_in_both_themes(scheme: int) -> None:
    """Contrast is 4.5:1 for text, 3:1 for bars and lines that carry meaning (WCAG 1.4.3, 1.4.11)."""
    tokens = (SOURCES / "css" / "public" / "tokens.css").read_text(encoding="utf-8")
    block = tokens.split("@media (prefers-color-scheme: dark)")[scheme]
    colours = {name: _long(value) for name, value in re.findall(r"--([\w-]+): (#[0-9a-f]{3,6});", block)}
    assert colours["paper"] == (LIGHT_PAPER, DARK_PAPER)[scheme]
    for name in ("ink", "quiet", *ComponentStatus):
        if name in colours:
            assert contrast(colours["paper"], colours[name]) >= 4.5, name
    assert contrast(colours["paper"], colours["operational"]) >= 4.5
    assert contrast(colours["shade"], colours["quiet"]) >= 4.5
    for name in ("line", "tick"):
        assert contrast(colours["paper"], colours[name]) >= 3, name


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_theme_switch_uses_the_same_colours_as_the_system_theme(theme: str) -> None:
    css = asset("site.css", "#1f4e79").decode()
    plain, dark = css.split("@media (prefers-color-scheme: dark)")[:2]
    expected = re.findall(r"--[\w-]+: [^;]+;", {"light": plain, "dark": dark.split("}")[0]}[theme])
    (switched,) = re.findall(r"\{color-scheme:" + theme + r";([^}]*)\}", css)
    colours = {part.split(":")[0]: part.split(":", 1)[1] for part in switched.split(";")}
    assert len(colours) == 14
    assert {f"{name}: {value};" for name, value in colours.items()} <= set(expected)


def _long(colour: str) -> str:
    return "#" + "".join(2 * digit for digit in colour[1:]) if len(colour) == 4 else colour
