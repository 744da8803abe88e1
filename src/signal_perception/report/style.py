"""How everything is drawn: names and colours of models, one look, and PNG bytes.

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

NAMES = {
    "i3d": "I3D",
    "i3d_inception": "I3D (Inception)",
    "timesformer_divided": "TimeSformer (divided)",
    "timesformer_joint": "TimeSformer (joint)",
    "videomae_v1": "VideoMAE V1",
    "videomae_v2": "VideoMAE V2",
    "uniformer_v1": "UniFormer V1",
    "uniformer_v2": "UniFormer V2",
    "swin": "Swin",
}
DATASETS = {"hmdb51": "HMDB51", "ucf101": "UCF101"}

# Colours tell nine models apart for colour-blind readers too (after Paul Tol's "muted" scheme); the
# markers do so without colour.
_LOOKS = {
    "i3d": ("#1a1a1a", "X"),
    "i3d_inception": ("#7a7a7a", "P"),
    "timesformer_divided": ("#332288", "o"),
    "timesformer_joint": ("#56b4e9", "s"),
    "videomae_v1": ("#117733", "^"),
    "videomae_v2": ("#44aa99", "v"),
    "uniformer_v1": ("#cc6677", "D"),
    "uniformer_v2": ("#882255", "d"),
    "swin": ("#e08b00", "h"),
}
_SPARE = (("#999933", "<"), ("#aa4499", ">"), ("#6699cc", "p"), ("#994455", "*"))

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


def name(model: str) -> str:
    """Name of a model for readers."""
    return NAMES.get(model, model)


def dataset_name(dataset: str) -> str:
    """Name of a data set for readers."""
    return DATASETS.get(dataset, dataset)


def looks(models: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each model.

    Always the same for the models of this project, spare ones in turn for others.
    """
    others = [model for model in models if model not in _LOOKS]
    return {m: _LOOKS[m] if m in _LOOKS else _SPARE[others.index(m) % len(_SPARE)] for m in models}


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
