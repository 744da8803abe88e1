"""How everything is drawn: one look, as PNG and as PDF.

The same figure always gives the same bytes.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

import numpy as np
from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from PIL.Image import Dither, Quantize

# What a PDF says of its making, unless told not to.
_TOLD = ("Creator", "Producer", "CreationDate")
Place = Literal["outside lower center", "outside upper center"]

_RC = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.labelsize": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#555555",
    "axes.grid": True,
    "grid.color": "#e4e4e4",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.5,
    "savefig.facecolor": "white",
    # outlines of the letters in use: a subset of a TrueType font takes longer than the whole figure
    "pdf.fonttype": 3,
}


@contextmanager
def look() -> Iterator[None]:
    """The settings all figures are drawn and saved under, whatever a user's matplotlibrc says."""
    with style.context(["default", _RC]):
        yield


def figure(size: tuple[float, float], dpi: int) -> Figure:
    """An empty figure; size: width and height in inches."""
    made = Figure(figsize=size, dpi=dpi, layout="constrained")
    # keeps its renderer, which is otherwise made anew for every text that is measured
    FigureCanvasAgg(made)
    return made


@contextmanager
def at_rest(figure: Figure) -> Iterator[None]:
    """Leave the layout for later: seaborn draws the whole figure for every map in it."""
    engine = figure.get_layout_engine()
    figure.set_layout_engine("none")
    yield
    figure.set_layout_engine(engine)


def legend(figure: Figure, handles: Sequence[Artist], place: Place) -> None:
    """One legend for all panels, outside them, in one row or in as many columns as have room."""
    # inches of an entry: its line and its letters
    row = sum(0.6 + 0.085 * len(str(handle.get_label())) for handle in handles)
    fits = row <= figure.get_figwidth()
    columns = len(handles) if fits else max(int(figure.get_figwidth() / 2.2), 1)
    figure.legend(handles=handles, loc=place, ncols=min(len(handles), columns))


def png_and_pdf(figure: Figure) -> tuple[bytes, bytes]:
    """Both, with one layout; the figure is not laid out anew after that."""
    raster = png(figure)
    figure.set_layout_engine("none")
    return raster, pdf(figure)


def pdf(figure: Figure) -> bytes:
    """The figure as PDF, its text as text, without date, version or program inside."""
    drawn = io.BytesIO()
    with look():
        figure.savefig(drawn, format="pdf", metadata=dict.fromkeys(_TOLD))
    return drawn.getvalue()


def png(figure: Figure) -> bytes:
    """The figure as PNG, without date or version inside.

    With 256 colours of its own, which takes a quarter of the bytes; a colour moves by less than a
    twelfth of its range.
    """
    small = io.BytesIO()
    with look():
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    full = Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])
    # keeps rare colours, which other methods lose
    few = full.quantize(256, method=Quantize.MAXCOVERAGE, kmeans=0, dither=Dither.NONE)
    # a quarter of the places tells the large areas
    _centre(np.asarray(few)[::2, ::2], np.asarray(full)[::2, ::2], few)
    few.save(small, format="png", compress_level=7)
    return small.getvalue()


def _centre(index: NDArray[np.uint8], full: NDArray[np.uint8], few: Image.Image) -> None:
    """Make each colour of a palette the mean of what it stands for: those of large areas stay.

    index, full: number in the palette, and red, green and blue before, of some places.
    """
    numbers = index.ravel()
    counts = np.bincount(numbers, minlength=256)
    sums = [np.bincount(numbers, full[..., c].ravel(), 256) for c in range(3)]
    before = np.zeros((256, 3))
    palette = np.array(few.getpalette() or [], np.float64).reshape(-1, 3)
    before[: len(palette)] = palette
    seen = counts > 0
    before[seen] = np.rint(np.stack(sums, axis=1)[seen] / counts[seen, None])
    few.putpalette(before.astype(np.uint8).ravel().tolist())
