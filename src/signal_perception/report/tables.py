"""What the stages found, read from their tables, and the rows of the page's own tables made of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from signal_perception.errors import UserError
from signal_perception.report import poster, style
from signal_perception.report.noise_figures import panel_title

_REFUSED = "refused"
_UNLISTED = "unlisted"


@dataclass(frozen=True)
class Results:
    """The results of one data set: by model what was run, None or absent what was not. `models` are those of the study, in its order."""

    dataset: str
    models: tuple[str, ...]
    decode: pd.DataFrame | None
    accuracy: Mapping[str, dict]
    spectra: Mapping[str, pd.DataFrame]
    noise: Mapping[str, pd.DataFrame]
    curves: Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class AccuracyRow:
    """A row of Table 1, as text; `poster` and `quoted` are empty where the poster has no such model or data set."""

    model: str
    pretrained: str
    top1: str
    top5: str
    correct: str
    dropped: int
    controls: Mapping[str, str]
    poster: str
    quoted: str
    weights: str


@dataclass(frozen=True)
class NoiseRow:
    """A panel of a noise grid in a row, as text."""

    panel: str
    layers: str
    kappa: str
    top1: str
    top5: str
    weakest: str
    retention: str
    nan_videos: int


@dataclass(frozen=True)
class Decoding:
    """Verdicts of one data set's decoding: counts by verdict and split, and every listed video that was not simply right."""

    splits: tuple[str, ...]
    counts: Mapping[str, tuple[int, ...]]
    total: int
    refused: int
    others: tuple[Mapping[str, object], ...]


def read(
    dataset: str,
    models: tuple[str, ...],
    *,
    decode: Path,
    accuracy: Mapping[str, Path],
    spectra: Mapping[str, Path],
    noise: Mapping[str, Path],
    curves: Mapping[str, Path],
) -> Results:
    """Read one data set's tables; a file that is not there is a part that was not run."""

    def tables(files: Mapping[str, Path]) -> dict[str, pd.DataFrame]:
        return {model: pd.read_csv(files[model]) for model in models if files[model].is_file()}

    return Results(
        dataset,
        models,
        pd.read_csv(decode) if decode.is_file() else None,
        {m: json.loads(accuracy[m].read_text(encoding="utf-8")) for m in models if accuracy[m].is_file()},
        tables(spectra),
        tables(noise),
        tables(curves),
    )


def accuracy_rows(results: Results) -> list[AccuracyRow]:
    """Table 1: one row per model that was scored; UserError where a percentage is not the quotient of its counts."""
    return [_accuracy_row(results.dataset, model, metrics) for model, metrics in results.accuracy.items()]


def noise_rows(table: pd.DataFrame) -> list[NoiseRow]:
    """One row per panel of one grid of one model: the range of its means and its weakest cell."""
    rows = []
    for panel in table["panel"].drop_duplicates():
        part = table[table["panel"] == panel]
        weakest = part.loc[part["top1_mean"].idxmin()]
        rows.append(
            NoiseRow(
                panel=panel_title(panel).replace("$", "").replace("_", ""),
                layers=", ".join(dict.fromkeys(part["pool"])),
                kappa=f"{part['kappa'].min():.2g}–{part['kappa'].max():.2g}",
                top1=_span(part["top1_mean"]),
                top5=_span(part["top5_mean"]),
                weakest=f"σ = {weakest['sigma']:g}, γ = {weakest['gamma']:g}, ρ = {weakest['rho']:g}",
                retention=f"{weakest['retention']:.2f}",
                nan_videos=int(part["nan_videos"].sum()),
            )
        )
    return rows


def decoding(table: pd.DataFrame) -> Decoding:
    """The verdicts of a data set; a video is dropped where the verdict begins with "refused", and "unlisted" ones are counted only."""
    splits = tuple(sorted(table["split"].unique(), reverse=True))
    kind = table["verdict"].where(~table["verdict"].str.startswith(_REFUSED), _REFUSED)
    verdicts = sorted(kind.unique(), key=lambda verdict: (verdict != "ok", verdict))
    counts = {v: tuple(int(((kind == v) & (table["split"] == s)).sum()) for s in splits) for v in verdicts}
    total = sum(sum(numbers) for verdict, numbers in counts.items() if verdict != _UNLISTED)
    columns = ["id", "label", "split", "promised", "decoded", "codec", "decoder", "verdict"]
    odd = table.loc[~table["verdict"].isin(["ok", _UNLISTED]), columns].astype(object)
    rows = [dict(zip(columns, row)) for row in odd.where(odd.notna(), "–").itertuples(index=False)]
    others = tuple(sorted(rows, key=lambda row: (not row["verdict"].startswith(_REFUSED), row["verdict"], row["id"])))
    return Decoding(splits, counts, total, sum(counts.get(_REFUSED, ())), others)


def _accuracy_row(dataset: str, model: str, metrics: dict) -> AccuracyRow:
    for k in (1, 5):
        if abs(metrics[f"top{k}"] - 100 * metrics[f"correct{k}"] / metrics["total"]) > 0.01:
            raise UserError(
                f"the accuracy of {model} on {dataset} says top-{k} = {metrics[f'top{k}']:.2f} %, but {metrics[f'correct{k}']} of "
                f"{metrics['total']} videos: run its stage evaluate again"
            )
    printed = poster.TABLE1.get(dataset, {}).get(model)
    return AccuracyRow(
        model=style.name(model),
        pretrained=metrics["pretrained"] or "none",
        top1=_with_interval(metrics, 1),
        top5=_with_interval(metrics, 5),
        correct=f"{metrics['correct1']} / {metrics['correct5']} of {metrics['total']}",
        dropped=metrics["dropped"],
        controls={name: f"{control['top1']:.2f}" for name, control in metrics["controls"].items()},
        poster=f"{printed.top1:.2f} / {printed.top5:.2f}" if printed else "",
        quoted=f"{printed.quoted_top1:.2f}" if printed and printed.quoted_top1 else "",
        weights=metrics["weights_sha256"],
    )


def _with_interval(metrics: dict, k: int) -> str:
    return f"{metrics[f'top{k}']:.2f} ({metrics[f'low{k}']:.1f}–{metrics[f'high{k}']:.1f})"


def _span(values: pd.Series) -> str:
    return f"{values.max():.1f}–{values.min():.1f}"
