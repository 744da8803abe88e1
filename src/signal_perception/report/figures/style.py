"""How everything is drawn: one look, and PNG bytes.

The same figure always gives the same bytes.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Literal

from matplotlib import style
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image
from PIL.Image import Dither, Quantize

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


def png(figure: Figure) -> bytes:
    """The figure as PNG, without date or version inside.

    With 256 colours of its own, which takes a quarter of the bytes; a colour moves by less than a
    twelfth of its range.
    """
    drawn, small = io.BytesIO(), io.BytesIO()
    with look():
        figure.savefig(drawn, format="png", metadata={"Software": None})
    # keeps rare colours, which other methods lose; k-means then keeps those of large areas
    best, still = Quantize.MAXCOVERAGE, Dither.NONE
    with Image.open(drawn) as picture:
        few = picture.convert("RGB").quantize(256, method=best, kmeans=1, dither=still)
    few.save(small, format="png", optimize=True)
    return small.getvalue()
