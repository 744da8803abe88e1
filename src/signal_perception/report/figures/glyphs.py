"""Hundreds of short numbers in a figure, drawn letter by letter, a tenth of the usual time.

Matplotlib lays out and draws each text by itself: a map of 150 cells with intervals takes half a
second as PNG, and again as PDF. Here each letter is one outline that is put to all its places. In a
PDF such numbers are shapes, not text.
"""

from collections import defaultdict
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.path import Path
from matplotlib.text import TextPath
from matplotlib.transforms import Affine2D
from numpy.typing import NDArray

_FAMILY = "DejaVu Sans"
# From one line to the next, and half the height of a digit, in font sizes.
_LEADING, _MIDDLE = 1.12, 0.365


class _Glyph(NamedTuple):
    """Outline of a letter of size 1 at the origin, and where the next one begins."""

    outline: Path
    advance: float


class Writing:
    """Texts of one size, in points, to be put into a figure together."""

    def __init__(self, size: float):
        self._size = size
        self._places: dict[tuple[str, str], list[NDArray[np.float64]]] = defaultdict(list)

    def write(self, x: float, y: float, text: str, color: str) -> None:
        """A text of one line or several, centred at a place in inches from the lower left."""
        for letter, place in _letters(text):
            at = np.array([x, y]) + np.array(place) * self._size / 72
            self._places[letter, color].append(at)

    def put_into(self, figure: Figure) -> None:
        """Draw all that was written above the figure's axes."""
        inches = figure.dpi_scale_trans
        scale = Affine2D().scale(self._size / 72) + inches
        for (letter, color), places in self._places.items():
            shape = PathCollection(
                [_glyph(letter).outline],
                offsets=np.array(places),
                offset_transform=inches,
                facecolors=color,
                linewidths=0,
            )
            shape.set_transform(scale)
            # moved to whole pixels, a dash would have no height
            shape.set_snap(False)
            figure.add_artist(shape)


@lru_cache(maxsize=4096)
def _letters(text: str) -> tuple[tuple[str, tuple[float, float]], ...]:
    """The letters of a text of size 1 that is centred at the origin, each with its place."""
    found, lines = [], text.split("\n")
    for number, line in enumerate(lines):
        advances = [_glyph(letter).advance for letter in line]
        starts = np.cumsum([0.0, *advances]) - sum(advances) / 2
        y = ((len(lines) - 1) / 2 - number) * _LEADING - _MIDDLE
        found += [(letter, (float(x), y)) for letter, x in zip(line, starts)]
    return tuple(found)


@lru_cache(maxsize=256)
def _glyph(letter: str) -> _Glyph:
    look = FontProperties(family=_FAMILY)
    outline = TextPath((0, 0), letter, size=100, prop=look)
    font = get_font(findfont(look))
    font.set_size(100, 72)
    advance = font.load_char(ord(letter)).linearHoriAdvance / 65536 / 100
    return _Glyph(Path(np.asarray(outline.vertices) / 100, outline.codes), advance)
