"""The rows of the page's own tables, as text."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields

import pandas as pd

from signal_perception.report.results import naming, noise_cells, rounding
from signal_perception.report.results.tables import Results
from signal_perception.vocabulary import REFUSED, UNLISTED

_COLUMNS = ["id", "label", "split", "promised", "decoded", "codec", "decoder", "verdict"]


@dataclass(frozen=True)
class SamplingRow:
    """What the test clips of a model consist of.

    clips: of a video. frames: in each; distinct: different ones of these, mean over clips.
    repeated: percent of videos with a frame equal to the one before it; looped: with a clip that
    begins again. seconds: nominal time between frames, median over videos, NaN where none is known.
    """

    model: str
    clips: int
    frames: int
    distinct: float
    repeated: float
    looped: float
    seconds: float


@dataclass(frozen=True)
class NoiseRow:
    """A panel of a noise grid in a row.

    layers: disturbed, of how many. kappa, top1, top5: between what numbers its cells lie. weakest:
    the cell of lowest top-1, whose retention, with its interval, is `retention`; why there is none
    where the clean model is at chance.
    """

    panel: str
    layers: str
    kappa: str
    top1: str
    top5: str
    weakest: str
    retention: str


@dataclass(frozen=True)
class Decoding:
    """Verdicts of one data set's decoding.

    counts: verdict → number in each of `splits`. total: listed videos; refused: of these. others:
    every listed video that was not simply right, refused ones first.
    """

    splits: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    total: int
    refused: int
    others: tuple[Mapping[str, object], ...]


def sampling_rows(results: Results) -> list[SamplingRow]:
    """One row per model whose accuracy says what its clips consist of."""
    names = [field.name for field in fields(SamplingRow)][1:]
    rows = []
    for model, metrics in results.accuracy.items():
        if "sampling" in metrics:
            told = {name: metrics["sampling"][name] for name in names}
            if told["seconds"] is None:
                told["seconds"] = float("nan")
            rows.append(SamplingRow(naming.model(model), **told))
    return rows


def noise_rows(table: pd.DataFrame) -> list[NoiseRow]:
    """One row per panel and kind of noise of one grid of one model."""
    names = noise_cells.titles(table["panel"])
    parts = (
        (panel, kind, table.loc[(table["panel"] == panel) & (table["kind"] == kind)])
        for kind in noise_cells.kinds(table)
        for panel in names
    )
    return [
        _noise_row(f"{'worst case, ' * (kind == noise_cells.WORST_CASE)}{names[panel]}", cells)
        for panel, kind, cells in parts
    ]


def decoding(table: pd.DataFrame) -> Decoding:
    """The verdicts of a data set; files that no list of a split names are counted only."""
    splits = tuple(sorted(table["split"].unique(), reverse=True))
    kind = table["verdict"].where(~table["verdict"].str.startswith(REFUSED), REFUSED)
    verdicts = sorted(kind.unique(), key=lambda verdict: (verdict != "ok", verdict))
    counts = {
        verdict: tuple(int(((kind == verdict) & (table["split"] == s)).sum()) for s in splits)
        for verdict in verdicts
    }
    return Decoding(
        splits,
        counts,
        total=sum(sum(numbers) for verdict, numbers in counts.items() if verdict != UNLISTED),
        refused=sum(counts.get(REFUSED, ())),
        others=_not_simply_right(table),
    )


def _noise_row(title: str, cells: pd.DataFrame) -> NoiseRow:
    weakest = cells.loc[cells["top1_mean"].idxmin()]
    place = (f"{symbol} = {weakest[key]:g}" for key, symbol in noise_cells.SYMBOLS.items())
    retained, low, high = (float(weakest[f"retention{end}"]) for end in ("", "_low", "_high"))
    defined = noise_cells.retention_is_defined(cells).all()
    return NoiseRow(
        panel=noise_cells.plain(title),
        layers=noise_cells.layers(cells),
        kappa=_kappas(cells),
        top1=_span(cells.loc[:, "top1_mean"]),
        top5=_span(cells.loc[:, "top5_mean"]),
        weakest=", ".join(place),
        retention=(
            rounding.estimate(retained, low, high, 2, 2)
            if defined
            else f"{rounding.NONE} ({noise_cells.AT_CHANCE})"
        ),
    )


def _kappas(cells: pd.DataFrame) -> str:
    """From the least to the most; of activations at absolute σ none is known."""
    low, high = min(cells["kappa"]), max(cells["kappa"])
    if low != low:
        return rounding.NONE
    # two digits that count, of the smaller one
    digits = max(1 - math.floor(math.log10(low)), 0) if low > 0 else 2
    return rounding.span(low, high, digits)


def _not_simply_right(table: pd.DataFrame) -> tuple[Mapping[str, object], ...]:
    """The videos whose verdict is neither "ok" nor "unlisted", a dash where nothing is known."""
    odd = table.loc[~table["verdict"].isin(["ok", UNLISTED]), _COLUMNS].astype(object)
    rows = [dict(zip(_COLUMNS, row)) for row in odd.where(odd.notna(), "–").to_numpy()]
    # False sorts before True
    rows.sort(key=lambda row: (not row["verdict"].startswith(REFUSED), row["verdict"], row["id"]))
    return tuple(rows)


def _span(values: pd.Series) -> str:
    low, high = rounding.bounds(min(values), max(values), 1)
    return f"{high}–{low}"
