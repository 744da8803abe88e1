"""The page's part on accuracy: Table 1, and below it what it is made of."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from signal_perception.report.figures.calibration_figure import calibration_figure
from signal_perception.report.figures.confusion_figure import confusion_figure
from signal_perception.report.figures.pictures import Picture, picture
from signal_perception.report.findings import confusion, table1
from signal_perception.report.findings.losses import Bootstrap
from signal_perception.report.findings.pairs import Pair, compared, finding
from signal_perception.report.page import rows, table1_text
from signal_perception.report.results import naming, poster, rounding, runs
from signal_perception.report.results.tables import Results


@dataclass(frozen=True)
class Accuracy:
    """Table 1, what its test clips consist of, and notes.

    table: Table 1 as numbers; rows: as text; training: what intervals say of it; several_runs:
    whether a model has several; notes: sentences below it.
    tied, not_finite: name of a model → videos of it, where there are any. pairs: k → models against
    each other. classes: the worst first. matrices, confused: of each model, a figure, or with many
    classes the pairs that are confused most. ece: name → expected calibration error, as text.
    missing: names of the models that were not run.
    """

    sampling: Sequence[rows.SamplingRow]
    table: Sequence[table1.Row]
    rows: Sequence[table1_text.Cells]
    chance: str
    videos: str
    controls: Sequence[str]
    has_poster: bool
    training: str
    several_runs: bool
    notes: Sequence[str]
    tied: Mapping[str, int]
    not_finite: Mapping[str, int]
    pairs: Mapping[int, Sequence[Pair]]
    classes: Sequence[confusion.ClassRow]
    class_models: Sequence[str]
    matrices: Sequence[Picture]
    confused: Mapping[str, Sequence[confusion.Confusion]]
    calibration: Picture | None
    ece: Mapping[str, str]
    missing: Sequence[str]

    @property
    def pairs_in_words(self) -> str:
        """What the pairs at top-1 come to, in a sentence; empty where there are none."""
        return finding(self.pairs[1]) if self.pairs[1] else ""

    @property
    def pictures(self) -> list[Picture]:
        """All figures, in the order of the page."""
        return [*self.matrices, *([self.calibration] if self.calibration else [])]


def accuracy(
    results: Results, source: Mapping[str, Any], *, bootstrap: Bootstrap, dpi: int
) -> Accuracy:
    """Draw the figures of accuracy of one data set, and write its rows.

    source: of the data set, in the parameters. bootstrap: of pairs of models.
    """
    metrics = list(results.accuracy.values())
    table = table1.table(results, source)
    matrices, confused = _confusion(results, dpi)
    return Accuracy(
        table=table,
        rows=[table1_text.cells(row) for row in table],
        sampling=rows.sampling_rows(results),
        chance=f"{metrics[0]['chance1']:.2f} / {metrics[0]['chance5']:.2f}" if metrics else "",
        videos=", ".join(
            _once(f"{m['total']} videos in {m['n_clusters']} clusters" for m in metrics)
        ),
        controls=_once(control for m in metrics for control in m["controls"]),
        has_poster=results.dataset in poster.TABLE1,
        training=runs.in_words((m.get("n_runs", 1) for m in metrics), "intervals"),
        several_runs=any("n_runs" in m for m in metrics),
        notes=table1_text.notes(table),
        tied=_videos(results, "tied"),
        not_finite=_videos(results, "not_finite"),
        pairs={k: compared(results.correct, k, bootstrap) for k in table1.RANKS},
        classes=confusion.by_class(results.classes) if results.classes else [],
        class_models=list(results.classes),
        matrices=matrices,
        confused=confused,
        calibration=_calibration(results, dpi),
        ece=_ece(results),
        missing=[naming.model(model) for model in results.models if model not in results.accuracy],
    )


def _confusion(
    results: Results, dpi: int
) -> tuple[list[Picture], dict[str, list[confusion.Confusion]]]:
    """A figure of each model, or with many classes its pairs that are confused most."""
    names = confusion.class_names(results.confusion.values())
    if len(names) > confusion.MOST_CLASSES:
        most = {naming.model(m): confusion.most_confused(t) for m, t in results.confusion.items()}
        return [], most
    matrices = [
        picture(
            f"{results.dataset}-{model}-confusion.png",
            partial(confusion_figure, confusion.matrix(table, names), model, dpi=dpi),
            f"Confusion. {naming.model(model)}",
            [],
        )
        for model, table in results.confusion.items()
    ]
    return matrices, {}


def _calibration(results: Results, dpi: int) -> Picture | None:
    if not results.calibration:
        return None
    return picture(
        f"{results.dataset}-calibration.png",
        partial(calibration_figure, results.calibration, dpi=dpi),
        "Calibration",
        [
            "Top-1 of the videos of each bin of confidence, the probability of the predicted class:"
            " above the dotted line a model is right more often than it is sure. Larger points have"
            " more videos; bars are 95 % intervals, each for its bin alone."
        ],
    )


def _ece(results: Results) -> dict[str, str]:
    """Name of a model → its expected calibration error with interval, where it was measured."""
    found = {}
    for model, metrics in results.accuracy.items():
        if "ece" in metrics:
            numbers = (metrics[name] for name in ("ece", "ece_low", "ece_high"))
            value, low, high = (float("nan") if each is None else each for each in numbers)
            found[naming.model(model)] = rounding.estimate(value, low, high, 1, 1)
    return found


def _videos(results: Results, what: str) -> dict[str, int]:
    """Name of a model → how many of its videos a metric counts, where it counts any."""
    counts = {naming.model(model): metrics[what] for model, metrics in results.accuracy.items()}
    return {name: count for name, count in counts.items() if count}


def _once(values: Iterable[str]) -> list[str]:
    """Each value once, in order of appearance."""
    return list(dict.fromkeys(values))
