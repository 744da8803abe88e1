"""The cells of noise as figures show them: panels named, layers counted, equal cells once."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.report.results import naming, poster
from signal_perception.statistics.proportions import wilson

SYMBOLS = {"sigma": "σ", "gamma": "γ", "rho": "ρ"}
SCORES = {"top1": "top-1", "top5": "top-5"}
THIRDS = ("front", "middle", "rear")
WORST_CASE = "gradient"
_GRIDS = {"figure2": "Figure 2", "figure3": "Figure 3", "figure4": "Figure 4"}
_PARTS = {"q": "$W_Q$", "k": "$W_K$", "v": "$W_V$"}
# Why a model has no retention, see `retention_is_defined`.
AT_CHANCE = "the clean model is not shown to be above chance"
# Of a noise table as it is read: lower bound of the clean model's top-1, as Table 1 has it.
CLEAN_LOW = "clean_low1"
_CELL = ["component", "pool", "layers", "pool_layers", "sigma", "gamma", "kind"]


@dataclass(frozen=True)
class Facet:
    """One panel of a figure: the cells of one grid and kind at one value of the third variable.

    cells: a row for each place on the axes x and y. x_labels, y_labels: value → tick label.
    """

    title: str
    cells: pd.DataFrame
    x: str
    y: str
    x_labels: Mapping[float, str]
    y_labels: Mapping[float, str]

    def values(self, column: str) -> pd.DataFrame:
        """A column over the axes: index y, columns x, both ascending."""
        return self.cells.pivot(index=self.y, columns=self.x, values=column)


def facets(cells: pd.DataFrame) -> list[Facet]:
    """The panels of a grid of one model and kind, in their order, equal cells once.

    σ, γ and ρ are the two axes and a third variable; several values of this have facets of their
    own. Cells with as many layers are one: their ρ stand in one label, e.g. "0.25, 0.5: 1/2".
    """
    names = titles(cells["panel"])
    once = merged(cells)
    x, y = once["x"].iloc[0], once["y"].iloc[0]
    third = next(axis for axis in SYMBOLS if axis not in (x, y))
    several = len(set(cells[third])) > 1
    found = []
    for panel in dict.fromkeys(once["panel"]):
        part = once.loc[once["panel"] == panel]
        for value in sorted(set(part[third])):
            inside = part.loc[part[third] == value].reset_index(drop=True)
            title = ", ".join([names[panel], *_fixed(inside, third, several)])
            found.append(Facet(title, inside, x, y, _labels(inside, x), _labels(inside, y)))
    return found


def merged(cells: pd.DataFrame) -> pd.DataFrame:
    """The places of a grid with equal cells of a panel once, at the first of their ρ.

    Adds the column `rhos`: all ρ of the cell as text.
    """
    keys = ["panel", *_CELL]
    cells = cells.reset_index(drop=True)
    texts = np.empty(len(cells), dtype=object)
    for rows in cells.groupby(keys, sort=False).indices.values():
        texts[rows] = ", ".join(f"{rho:g}" for rho in sorted(set(column(cells, "rho")[rows])))
    first = cells.assign(rhos=texts).sort_values("rho", kind="stable").drop_duplicates(keys)
    return first.sort_index()


def column(cells: pd.DataFrame, name: str) -> NDArray[np.float64]:
    """The numbers of a column (n,)."""
    return cells.loc[:, name].to_numpy(np.float64)


def distinct(cells: pd.DataFrame) -> pd.DataFrame:
    """Each cell of a model once, though several grids show it; its panel is that of the first."""
    return cells.drop_duplicates(_CELL).reset_index(drop=True)


def kinds(cells: pd.DataFrame) -> list[str]:
    """The kinds of noise in a grid, the worst case last."""
    return sorted(dict.fromkeys(cells["kind"]), key=lambda kind: kind == WORST_CASE)


def without_worst_case(cells: pd.DataFrame) -> pd.DataFrame:
    return cells.loc[cells["kind"] != WORST_CASE]


def retention_is_defined(table: pd.DataFrame) -> pd.Series:
    """Whether each row's clean model is shown to be above chance, so that there is much to retain.

    Retention divides by clean − chance, and is any number where that is luck: 2.33 of a model that
    guesses. Above chance: the lower bound of the clean top-1 is. That of Table 1 where the table
    has it; else Wilson's, of as many independent videos as there are sources.
    """
    if CLEAN_LOW in table:
        low = column(table, CLEAN_LOW)
    else:
        counts = zip(column(table, "clean_top1") / 100, column(table, "n_clusters"))
        low = np.array([100 * wilson(share * n, n)[0] for share, n in counts])
    return pd.Series(low > column(table, "chance_top1"), table.index)


def with_clean_low(table: pd.DataFrame, metrics: Mapping[str, Any] | None) -> pd.DataFrame:
    """A model's cells with CLEAN_LOW where its accuracy was scored on as many views.

    metrics: of the stage evaluate. One source alone has no bound, so NaN.
    """
    if metrics is None or not len(table) or metrics.get("views") != table["views"].iloc[0]:
        return table
    low = metrics["low1"]
    return table.assign(**{CLEAN_LOW: np.nan if low is None else float(low)})


def ends(cells: pd.DataFrame, score: str) -> tuple[float, float]:
    """Accuracy of the clean model, and of a guess."""
    return float(cells[f"clean_{score}"].iloc[0]), float(cells[f"chance_{score}"].iloc[0])


def colour_range(cells: pd.DataFrame, score: str) -> tuple[float, float]:
    """Ends of a scale of colour: chance and clean, beyond which colours stay.

    What is as good as clean has the colour of clean, also where clean is no better than chance (of
    top-5 with five classes both are 100 %).
    """
    clean, chance = ends(cells, score)
    return (chance, clean) if clean > chance else (clean - 1, clean)


def heading(cells: pd.DataFrame, model: str, grid: str) -> str:
    """Title of a figure of one model's grid; numbered only where it is the poster's own."""
    dataset = str(cells["dataset"].iloc[0])
    panels = set(cells["panel"])
    parts = {panel.rpartition(".")[2] for panel in panels}
    what = "third" if panels <= set(THIRDS) else "component" if parts <= set("qkv") else "panel"
    axes = " × ".join(SYMBOLS[str(cells[axis].iloc[0])] for axis in ("y", "x"))
    own = (dataset, model) == (poster.NOISE_DATASET, poster.NOISE_MODEL) and grid in _GRIDS
    number = f"{grid_title(grid)}. " if own else ""
    return f"{number}{naming.model(model)}, {naming.dataset(dataset)}: noise by {what}, {axes}"


def grid_title(grid: str) -> str:
    """A grid's name for readers."""
    return _GRIDS.get(grid, grid)


def axis_label(axis: str) -> str:
    return "ρ, layers" if axis == "rho" else SYMBOLS[axis]


def titles(panels: Iterable[str]) -> dict[str, str]:
    """Names of panels for readers; full ones where short ones are equal."""
    panels = list(dict.fromkeys(panels))
    short = [_short(panel) for panel in panels]
    return {p: name if short.count(name) == 1 else p for p, name in zip(panels, short)}


def plain(title: str) -> str:
    """A panel's title as text, without the signs of formulas: W_Q."""
    return title.replace("$", "")


def in_words(title: str) -> str:
    """A panel's title inside a sentence: "W_Q", "the front third"."""
    return f"the {title}" if title.removesuffix(" third") in THIRDS else plain(title)


def layers(cells: pd.DataFrame) -> str:
    """How many layers of how many are disturbed, e.g. "1/2, 2/2"."""
    pairs = sorted(set(zip(cells["layers"], cells["pool_layers"])))
    return ", ".join(f"{count:g}/{size:g}" for count, size in pairs)


def fixed(cells: pd.DataFrame) -> str:
    """What all cells of a grid share, e.g. "σ = 0.2"; empty where they share nothing."""
    shared = [axis for axis in SYMBOLS if len(set(cells[axis])) == 1]
    return ", ".join(f"{SYMBOLS[axis]} = {cells[axis].iloc[0]:g}" for axis in shared)


def _short(panel: str) -> str:
    """W_Q, W_K, W_V, front third, "W_V, middle third", or the component's own name."""
    if panel in THIRDS:
        return f"{panel} third"
    component, _, pool = panel.partition("/")
    name = _PARTS.get(component.rpartition(".")[2], component)
    return f"{name}, {pool} third" if pool in THIRDS else name


def _fixed(inside: pd.DataFrame, third: str, several: bool) -> list[str]:
    """What the title of a facet says of the third variable."""
    if third == "rho":
        start = f"ρ = {inside['rhos'].iloc[0]}: " if several else ""
        return [f"{start}{layers(inside)} layers"]
    return [f"{SYMBOLS[third]} = {inside[third].iloc[0]:g}"] if several else []


def _labels(inside: pd.DataFrame, axis: str) -> dict[float, str]:
    """Tick labels of an axis, ascending; ρ with the layers that it means."""
    rows = inside.drop_duplicates(axis).sort_values(axis)
    if axis != "rho":
        return {value: f"{value:g}" for value in rows[axis]}
    told = zip(rows["rho"], rows["rhos"], rows["layers"], rows["pool_layers"])
    return {rho: f"{rhos}\n{count:g}/{size:g}" for rho, rhos, count, size in told}
