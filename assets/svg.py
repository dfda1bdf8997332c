"""Pieces of pictures: SVG as text, with no library and no script in it. What is drawn is counts, never a person."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from xml.sax.saxutils import escape

INK, PALE, BLUE, RED, AMBER = "#1f2933", "#7b8794", "#2f6fde", "#d64545", "#c77d0a"
LINE, FAINT = "#cbd2d9", "#edf0f3"
#: From nothing to everything, for fields of a grid.
_SHADES = ("#f2f6fd", "#d5e3fa", "#a9c6f5", "#74a2ec", "#2f6fde")


def page(width: float, height: float, parts: Iterable[str]) -> str:
    """Return a picture of these parts."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}" '
        f'viewBox="0 0 {width:.0f} {height:.0f}" '
        f'font-family="system-ui, sans-serif" font-size="12" fill="{INK}">'
        # The pages that show it are light or dark; a picture cannot know which.
        f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="#ffffff"/>{"".join(parts)}</svg>'
    )


def box(left: float, top: float, width: float, height: float, color: str) -> str:
    """Return a filled rectangle."""
    return f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" fill="{color}"/>'


def label(
    left: float, base: float, text: str, *, anchor: str = "start", color: str = INK, weight: int = 400, size: int = 12
) -> str:
    """Return a line of text that stands on ``base``."""
    return (
        f'<text x="{left:.1f}" y="{base:.1f}" text-anchor="{anchor}" fill="{color}" font-weight="{weight}" '
        f'font-size="{size}">{escape(text)}</text>'
    )


def line(points: Iterable[tuple[float, float]], color: str) -> str:
    """Return a line through points."""
    listed = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{listed}" fill="none" stroke="{color}" stroke-width="1.5"/>'


def ribbon(left: tuple[float, float], right: tuple[float, float], height: float, color: str) -> str:
    """Return a curved band of one height from a point to another; both are its upper edge."""
    (x0, y0), (x1, y1) = left, right
    middle = (x0 + x1) / 2
    return (
        f'<path d="M{x0:.1f},{y0:.1f} C{middle:.1f},{y0:.1f} {middle:.1f},{y1:.1f} {x1:.1f},{y1:.1f} '
        f"V{y1 + height:.1f} C{middle:.1f},{y1 + height:.1f} {middle:.1f},{y0 + height:.1f} "
        f'{x0:.1f},{y0 + height:.1f} Z" fill="{color}" fill-opacity="0.45"/>'
    )


def field(left: float, top: float, width: float, height: float, share: float, texts: Iterable[str]) -> str:
    """Return a field of a grid, darker the nearer its share is to 1, with lines of text in its middle."""
    shade = _SHADES[min(int(share * len(_SHADES)), len(_SHADES) - 1)] if share else FAINT
    ink = "#ffffff" if shade == _SHADES[-1] else INK
    shown = list(texts)
    base = top + height / 2 + 4 - 7 * (len(shown) - 1)
    drawn = [box(left + 1, top + 1, width - 2, height - 2, shade)]
    for number, text in enumerate(shown):
        drawn.append(label(left + width / 2, base + 14 * number, text, anchor="middle", color=ink, size=11))
    return "".join(drawn)


def embedded(name: str, picture: str) -> str:
    """Return a picture as markdown that holds it."""
    return f"![{name}](data:image/svg+xml;base64,{b64encode(picture.encode()).decode()})"
