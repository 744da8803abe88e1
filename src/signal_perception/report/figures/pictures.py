"""A figure as the page and papers need it: PNG and PDF, drawn late and in several processes."""

import base64
import gc
import multiprocessing
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from matplotlib.figure import Figure

from signal_perception.pipeline import workers
from signal_perception.report.figures import style

# Pixels of the page for an inch of a figure, so that text has one size in all figures.
_PIXELS = 85
# From this width on a figure is scrolled and not shrunk: its text would be too small to read.
_WIDE = 1500
# Fewer pictures are drawn in this process: another one costs more than it saves.
_FEW = 24


class Drawn(NamedTuple):
    """The bytes of a picture, and its width on the page in CSS pixels."""

    png: bytes
    pdf: bytes
    width: int


@dataclass(frozen=True)
class Picture:
    """A figure with its words, drawn when its bytes are first asked for, or with others by `draw`.

    file: name of the PNG. caption: the sentences under it.
    """

    file: str
    figure: Callable[[], Figure]
    title: str
    caption: tuple[str, ...]
    _drawn: list[Drawn] = field(default_factory=list, compare=False, repr=False)
    _alone: list[tuple[bytes, int]] = field(default_factory=list, compare=False, repr=False)

    @property
    def drawn(self) -> Drawn:
        if not self._drawn:
            self._drawn.append(_draw(self.figure))
        return self._drawn[0]

    @property
    def png(self) -> bytes:
        """Drawn alone where the PDF was not asked for: half the work of a page."""
        return self._raster[0]

    @property
    def pdf(self) -> bytes:
        return self.drawn.pdf

    @property
    def width(self) -> int:
        return self._raster[1]

    @property
    def _raster(self) -> tuple[bytes, int]:
        if self._drawn:
            return self._drawn[0].png, self._drawn[0].width
        if not self._alone:
            figure = self.figure()
            self._alone.append((style.png(figure), _width(figure)))
        return self._alone[0]

    @property
    def wide(self) -> bool:
        return self.width >= _WIDE

    @property
    def source(self) -> str:
        """The picture as a data URL, so that the page is one file."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")

    @property
    def paper(self) -> str:
        """Name of the PDF."""
        return f"{self.file.removesuffix('.png')}.pdf"

    def keep(self, drawn: Drawn) -> None:
        """Take bytes that were drawn elsewhere."""
        self._drawn[:] = [drawn]


def picture(
    file: str, figure: Figure | Callable[[], Figure], title: str, caption: Sequence[str]
) -> Picture:
    """A figure, or what makes it, with its words."""
    # a figure that is there already stays as it is
    make = (lambda: figure) if isinstance(figure, Figure) else figure
    return Picture(file, make, title, tuple(caption))


def draw(pictures: Sequence[Picture]) -> None:
    """Draw them all, in as many processes as there are workers; the bytes are the same."""
    waiting = [each for each in pictures if not each._drawn]
    processes = min(workers.count(), len(waiting))
    # forked children have the tables; where processes are not forked they would have to be sent
    if processes < 2 or len(waiting) < _FEW or sys.platform != "linux":
        for each in waiting:
            each.keep(_draw(each.figure))
        return
    _FORKED[:] = waiting
    try:
        # what the parent has made is looked at once for garbage, and not at every figure
        with multiprocessing.get_context("fork").Pool(processes, gc.freeze) as pool:
            for each, drawn in zip(waiting, pool.imap(_draw_number, range(len(waiting)))):
                each.keep(drawn)
    finally:
        _FORKED.clear()


# What the children of `draw` find when they are forked.
_FORKED: list[Picture] = []


def _draw_number(number: int) -> Drawn:
    return _draw(_FORKED[number].figure)


def _draw(make: Callable[[], Figure]) -> Drawn:
    figure = make()
    png, pdf = style.png_and_pdf(figure)
    return Drawn(png, pdf, _width(figure))


def _width(figure: Figure) -> int:
    return round(_PIXELS * figure.get_figwidth())
