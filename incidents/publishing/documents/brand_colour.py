"""Makes a brand colour legible: keeps its hue and finds the nearest lightness that meets WCAG 2.2. Pure."""

import colorsys

LIGHT_PAPER = "#ffffff"
DARK_PAPER = "#14171a"
# Text must have a contrast of 4.5:1 (WCAG 1.4.3).
READABLE = 4.5

RGB = tuple[float, float, float]


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of two `#rrggbb` colours, 1 to 21, as WCAG defines it."""
    lighter, darker = sorted((_luminance(parse(one)), _luminance(parse(other))), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def readable_on(paper: str, colour: str) -> str:
    """Return the colour if it is legible on the paper, else the nearest darker or lighter one."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*parse(colour))
    step = 0.01 if contrast(paper, "#ffffff") > contrast(paper, "#000000") else -0.01
    while contrast(paper, colour) < READABLE:
        lightness = min(max(lightness + step, 0), 1)
        colour = _format(colorsys.hls_to_rgb(hue, lightness, saturation))
    return colour


def parse(colour: str) -> RGB:
    red, green, blue = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    return red, green, blue


def _format(rgb: RGB) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in rgb)


def _luminance(rgb: RGB) -> float:
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
