"""Findings in words about noise: what breaks first, in which model, and whether the poster saw it.

"No difference shown" is said as such: it is not the finding that there is none.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from signal_perception.report.findings import table1
from signal_perception.report.findings import thirds as parts
from signal_perception.report.findings.finding import Finding
from signal_perception.report.findings.losses import Comparison
from signal_perception.report.findings.phrases import both, listed
from signal_perception.report.findings.thirds import Contrast, Thirds
from signal_perception.report.results import naming, noise_cells, poster, rounding
from signal_perception.report.results.noise_cells import THIRDS
from signal_perception.report.results.tables import Results

_NO_TEST = "Nothing was tested."
_WEIGHTS = "weights"
_CONTRASTS = (
    "Paired by repeat and video over cells of equal σ, γ and ρ; p over repeats and sources, after "
    "Holm over all contrasts of a model. First: significantly worse than every other panel."
)
_VQK = {"$W_V$", "$W_Q$", "$W_K$"}
_MILDLY = (
    f"{_CONTRASTS} Found where V loses significantly more than Q and than K; that these degrade "
    "mildly is no test."
)
_THIRDS_OF_THE_POSTER = (
    f"{_CONTRASTS} Found where the middle third loses significantly more, and the rear third "
    "significantly less, than both others."
)


def noise(results: Results, compared: Comparison) -> list[Finding]:
    """Which component, which third and which model breaks first.

    compared: models against each other.
    """
    if not results.noise:
        text = "Which part of a model breaks first is not known: noise was not run."
        return [Finding("noise", text, _NO_TEST, "contrasts")]
    return [
        *(
            _components(grid, models, _with_one_panel(results.noise, grid))
            for grid, models in _component_grids(results).items()
        ),
        *(_thirds(grid, models) for grid, models in _by_grid(parts.thirds(results)).items()),
        *_models(compared),
    ]


def against_the_poster(results: Results, source: Mapping[str, Any]) -> list[Finding]:
    """How far Table 1 is from the poster's, and whether its findings on noise are found here.

    source: of the data set, in the parameters.
    """
    return [
        *_table1(table1.table(results, source)),
        *(
            _v_collapses(results.dataset, grid, models)
            for grid, models in _component_grids(results).items()
            if any(_is_vqk(found) for found in models.values())
        ),
        *(
            _middle_first(results.dataset, grid, models)
            for grid, models in _by_grid(parts.thirds(results)).items()
        ),
    ]


# model → contrasts of its panels, named by title
_Models = Mapping[str, Sequence[Contrast]]


def _component_grids(results: Results) -> dict[str, dict[str, list[Contrast]]]:
    """Grid → model → contrasts of top-1 under noise on weights, of grids that are not of thirds."""
    found: dict[str, dict[str, list[Contrast]]] = {}
    for model, table in results.contrasts.items():
        rows = table.loc[(table["k"] == 1) & (table["kind"] == _WEIGHTS)]
        rows = rows.loc[~rows["first"].isin(THIRDS)]
        for grid, inside in rows.groupby("grid", sort=False):
            found.setdefault(str(grid), {})[model] = _titled(inside)
    return found


def _with_one_panel(tables: Mapping[str, pd.DataFrame], grid: str) -> list[str]:
    """The models that have a single panel in a grid, so that nothing can be compared."""
    inside = {m: table.loc[table["grid"] == grid, "panel"] for m, table in tables.items()}
    return [model for model, panels in inside.items() if panels.nunique() == 1]


def _titled(rows: pd.DataFrame) -> list[Contrast]:
    titles = noise_cells.titles([*rows["first"], *rows["second"]])
    columns = ["difference", "low", "high", "p_holm"]
    pairs = zip(rows["first"], rows["second"], rows.loc[:, columns].itertuples(index=False))
    return [Contrast(titles[one], titles[other], *numbers) for one, other, numbers in pairs]


def _weakest(contrasts: Sequence[Contrast]) -> str:
    """The panel that loses significantly more than every other; empty where none does."""
    panels = dict.fromkeys(name for each in contrasts for name in (each.first, each.second))
    for panel in panels:
        own = [each for each in contrasts if panel in (each.first, each.second)]
        if len(own) == len(panels) - 1 and all(each.weaker == panel for each in own):
            return panel
    return ""


def _margin(contrasts: Sequence[Contrast], panel: str) -> str:
    """By how much a panel loses more than the one next to it: "8.7 points, 2.1 to 15.4, p = …"."""
    own = [each for each in contrasts if panel in (each.first, each.second)]
    least = min(own, key=lambda each: abs(each.difference))
    low, high = sorted((abs(least.low), abs(least.high)))
    ends = rounding.interval(low, high, 1, abs(least.difference))
    return f"{abs(least.difference):.1f} points, {ends}, {rounding.p(least.p_holm)}"


def _components(grid: str, models: _Models, alone: Sequence[str]) -> Finding:
    first = {model: _weakest(contrasts) for model, contrasts in models.items()}
    told = []
    for panel in dict.fromkeys(filter(None, first.values())):
        names = [
            f"{naming.model(model)} ({_margin(models[model], panel)})"
            for model, own in first.items()
            if own == panel
        ]
        told.append(f"{noise_cells.plain(panel)} breaks first in {listed(names)}")
    none = {model: models[model] for model, own in first.items() if not own}
    told += _undecided("component", none)
    if alone:
        told.append(f"{listed(map(naming.model, alone))} {both(alone, 'has', 'have')} one alone")
    text = f"{noise_cells.grid_title(grid)}, components: {'; '.join(told)}."
    return Finding("noise", text, _CONTRASTS, "contrasts")


def _undecided(what: str, models: _Models) -> list[str]:
    """Of models of which no panel is worse than all others: those with any difference, and none."""
    some = [m for m, contrasts in models.items() if any(each.weaker for each in contrasts)]
    none = [model for model in models if model not in some]
    told = (
        (f"no {what} is shown to break before all others", some),
        (f"no difference between any two {what}s is shown", none),
    )
    return [
        f"{words} in {listed(f'{naming.model(m)} ({_largest(models[m])})' for m in of)}"
        for words, of in told
        if of
    ]


def _largest(contrasts: Sequence[Contrast]) -> str:
    """The contrast of the least p."""
    least = min(contrasts, key=lambda each: (each.p_holm, -abs(each.difference)))
    names = f"{noise_cells.plain(least.first)} − {noise_cells.plain(least.second)}"
    ends = rounding.interval(least.low, least.high, 1, least.difference, plus=True)
    numbers = [rounding.signed(least.difference, 1), *([ends] if ends else [])]
    return f"{names} {', '.join(numbers)}, {rounding.p(least.p_holm)}"


def _by_grid(found: Sequence[Thirds]) -> dict[str, list[Thirds]]:
    grids: dict[str, list[Thirds]] = {}
    for each in found:
        if each.kind == _WEIGHTS:
            grids.setdefault(each.grid, []).append(each)
    return grids


def _thirds(grid: str, models: Sequence[Thirds]) -> Finding:
    told = []
    for third in THIRDS:
        same = [each for each in models if each.weakest == third]
        if same:
            names = listed(
                f"{naming.model(each.model)} ({_margin(each.contrasts, third)})" for each in same
            )
            told.append(f"the {third} third breaks first in {names}")
    told += _undecided("third", {each.model: each.contrasts for each in models if not each.weakest})
    text = f"{noise_cells.grid_title(grid)}, thirds: {'; '.join(told)}."
    return Finding("noise", text, _CONTRASTS, "thirds")


def _models(compared: Comparison) -> list[Finding]:
    """The sentences of grids in which two models or more were disturbed."""
    tested = {pair.grid for pair in compared.pairs}
    grids = list(dict.fromkeys(loss.grid for loss in compared.losses))
    test = (
        f"Losses of all {len(compared.pairs)} pairs of models and grids, paired by repeat and "
        "video, p over repeats and sources, after Holm over all of them."
    )
    return [
        Finding("noise", text, test, "losses")
        for grid, text in zip(grids, compared.findings)
        if grid in tested
    ]


def _table1(rows: Sequence[table1.Row]) -> list[Finding]:
    tested = [row for row in rows if row.against]
    found = []
    if tested:
        apart = [row for row in tested if row.against[1].p_holm < 0.05]
        same = [row for row in tested if row not in apart]
        told = [f"{len(apart)} of {len(tested)} models differ from the poster's Table 1 at top-1"]
        if apart:
            told[0] += f", by points: {listed(map(_distance, apart))}"
        if same:
            told.append(f"no difference is shown for {listed(map(_distance, same))}")
        test = (
            "Two independent samples of videos (χ² or Fisher's exact test), after Holm over "
            f"{len(tested)} models."
        )
        found.append(Finding("poster", f"{'; '.join(told)}.", test, "table1"))
    reasons: dict[str, list[str]] = {}
    for row in rows:
        if not row.against:
            reasons.setdefault(row.untested, []).append(naming.model(row.model))
    for reason, names in reasons.items():
        who = "No model" if len(names) == len(rows) else listed(names)
        verb = "is" if len(names) in (1, len(rows)) else "are"
        negated = "" if len(names) == len(rows) else " not"
        text = f"{who} {verb}{negated} held against the poster's Table 1: {reason}."
        found.append(Finding("poster", text, _NO_TEST, "table1"))
    return found


def _distance(row: table1.Row) -> str:
    each = row.against[1]
    ends = rounding.interval(each.low, each.high, 1, each.difference, plus=True)
    value = rounding.signed(each.difference, 1)
    return f"{naming.model(row.model)} ({value}, {ends}, {rounding.p(each.p_holm)})"


def _is_vqk(contrasts: Sequence[Contrast]) -> bool:
    return {name for each in contrasts for name in (each.first, each.second)} == _VQK


def _v_collapses(dataset: str, grid: str, models: _Models) -> Finding:
    asked = {model: contrasts for model, contrasts in models.items() if _is_vqk(contrasts)}
    found = [model for model, contrasts in asked.items() if _weakest(contrasts) == "$W_V$"]
    others = [model for model in asked if model not in found]
    told = []
    if found:
        told.append(
            "found in " + listed(f"{naming.model(m)} ({_margin(asked[m], '$W_V$')})" for m in found)
        )
    if others:
        told.append(
            f"not found in {listed(f'{naming.model(m)} ({_largest(asked[m])})' for m in others)}"
        )
    text = (
        f"That V collapses under noise while Q and K degrade mildly is the poster's finding in "
        f"{_where(dataset, asked)}: {noise_cells.grid_title(grid)}, {'; '.join(told)}."
    )
    return Finding("poster", text, _MILDLY, "contrasts")


def _middle_first(dataset: str, grid: str, models: Sequence[Thirds]) -> Finding:
    groups: dict[str, list[str]] = {
        "found": [],
        "only that the middle third is the weakest": [],
        "only that the rear third is the most robust": [],
        "neither": [],
    }
    names = list(groups)
    for each in models:
        middle, rear = each.weakest == "middle", each.strongest == "rear"
        place = names[0 if middle and rear else 1 if middle else 2 if rear else 3]
        said = "; ".join(f"{what}, {rounding.p(p)}" for what, p in each.clauses)
        groups[place].append(f"{naming.model(each.model)} ({said or parts.NO_DIFFERENCE})")
    told = [f"{place} in {listed(found)}" for place, found in groups.items() if found]
    text = (
        "That the middle third breaks first and the rear third is the most robust is the poster's "
        f"finding in {_where(dataset, [each.model for each in models])}: "
        f"{noise_cells.grid_title(grid)}, {'; '.join(told)}."
    )
    return Finding("poster", text, _THIRDS_OF_THE_POSTER, "thirds")


def _where(dataset: str, models: Sequence[str] | Mapping[str, object]) -> str:
    """Where the poster found it, and whether this is the same place."""
    place = f"{naming.model(poster.NOISE_MODEL)} on {naming.dataset(poster.NOISE_DATASET)}"
    if dataset == poster.NOISE_DATASET and poster.NOISE_MODEL in models:
        return place
    return f"{place}, which is not what was run here"
