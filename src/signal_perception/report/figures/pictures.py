"""A drawn figure as the page needs it."""

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure

from signal_perception.report.figures import style

# Pixels of the page for an inch of a figure, so that text has one size in all figures.
_PIXELS = 85
# From this width on a figure is scrolled and not shrunk: its text would be too small to read.
_WIDE = 1500


@dataclass(frozen=True)
class Picture:
    """A drawn figure. width: on the page, in CSS pixels. caption: the sentences under it."""

    file: str
    png: bytes
    width: int
    title: str
    caption: tuple[str, ...]

    @property
    def wide(self) -> bool:
        return self.width >= _WIDE

    @property
    def source(self) -> str:
        """The picture as a data URL, so that the page is one file."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


def picture(file: str, figure: Figure, title: str, caption: Sequence[str]) -> Picture:
    """A figure drawn as PNG."""
    width = round(_PIXELS * figure.get_figwidth())
    return Picture(file, style.png(figure), width, title, tuple(caption))
