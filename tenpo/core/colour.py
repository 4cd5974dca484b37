"""Tenpo's accent where CSS's `oklch()` does not reach: in mails and pictures."""

from math import cos, radians, sin

# The light theme's accent, as in `css/tokens.css`.
LIGHTNESS, CHROMA = 0.50, 0.12


def accent_hex(hue: int) -> str:
    """The accent of a hue, 0 to 359, as "#rrggbb"; what a screen cannot show is cut off."""
    a, b = CHROMA * cos(radians(hue)), CHROMA * sin(radians(hue))
    long = (LIGHTNESS + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (LIGHTNESS - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (LIGHTNESS - 0.0894841775 * a - 1.2914855480 * b) ** 3
    linear = (
        4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short,
        -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short,
        -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short,
    )
    return "#" + "".join(f"{round(255 * _encode(part)):02x}" for part in linear)


def _encode(linear: float) -> float:
    clipped = min(max(linear, 0.0), 1.0)
    return 12.92 * clipped if clipped <= 0.0031308 else 1.055 * clipped ** (1 / 2.4) - 0.055
