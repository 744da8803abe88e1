"""Colours and markers of models, kinds, weights and panels, the same in figures and charts."""

from collections.abc import Iterable, Mapping, Sequence

# Colours tell nine models apart for colour-blind readers too (after Paul Tol's "muted" scheme); the
# markers do so without colour.
_MODELS = {
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
_SPARE_MODELS = (("#999933", "<"), ("#aa4499", ">"), ("#6699cc", "p"), ("#994455", "*"))

# Of the kinds of taps, after Okabe and Ito.
KINDS = {"MSA": ("#0072b2", "o"), "MLP": ("#d55e00", "s"), "Conv": ("#009e73", "^")}

# Colour of a data set's own weights, and of others in turn.
OWN = "#1a1a1a"
OTHERS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")

# After Okabe and Ito; the markers tell panels apart without colour.
_PANELS = {
    "$W_Q$": ("#0072b2", "o"),
    "$W_K$": ("#56b4e9", "s"),
    "$W_V$": ("#d55e00", "^"),
    "front third": ("#332288", "v"),
    "middle third": ("#cc79a7", "D"),
    "rear third": ("#009e73", "P"),
}
_SPARE_PANELS = (
    ("#7a7a7a", "X"),
    ("#e69f00", "h"),
    ("#882255", "p"),
    ("#999933", "*"),
    ("#1a1a1a", "d"),
)

# Every colour above → what takes its place on the page's dark ground; shapes tell apart what is
# near. Each has at least three times the ground's luminance, as letters and lines need.
GROUND = {"light": "#ffffff", "dark": "#15171c"}
DARK = {
    "#1a1a1a": "#f0f0f2",
    "#7a7a7a": "#9c9ca6",
    "#332288": "#9d90f5",
    "#56b4e9": "#6cc4f5",
    "#117733": "#43b86c",
    "#44aa99": "#6fdcc9",
    "#cc6677": "#ea8795",
    "#882255": "#d3569a",
    "#e08b00": "#f2a32c",
    "#999933": "#c2c257",
    "#aa4499": "#d277c3",
    "#6699cc": "#88b6e6",
    "#994455": "#c96f82",
    "#0072b2": "#3f9fe6",
    "#d55e00": "#f5843a",
    "#cc79a7": "#e39cc3",
    "#009e73": "#2fc79a",
    "#e69f00": "#f5b83d",
    # of lines that are no data
    "#333333": "#d2d2d8",
    "#999999": "#8a8a96",
}
# Lines of a grid, which are to be seen less than what is drawn on them.
GRID = {"#e4e4e4": "#363a44"}


def of_models(models: Sequence[str]) -> dict[str, tuple[str, str]]:
    """Colour and marker of each model.

    Always the same for the models of this project, spare ones in turn for others.
    """
    return _looks(models, _MODELS, _SPARE_MODELS)


def of_panels(titles: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Title → colour and marker; spare ones in turn for panels of one's own."""
    return _looks(list(dict.fromkeys(titles)), _PANELS, _SPARE_PANELS)


def order(titles: Iterable[str]) -> list[str]:
    """Each title once: Q, K, V and the thirds first, others as they appear."""
    known = list(_PANELS)
    once = list(dict.fromkeys(titles))
    return sorted(once, key=lambda title: known.index(title) if title in known else len(known))


def _looks(
    names: Sequence[str], known: Mapping[str, tuple[str, str]], spare: Sequence[tuple[str, str]]
) -> dict[str, tuple[str, str]]:
    others = [name for name in names if name not in known]
    return {n: known[n] if n in known else spare[others.index(n) % len(spare)] for n in names}
