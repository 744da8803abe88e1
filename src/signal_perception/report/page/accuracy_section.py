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
from signal_perception.report.page import accuracy_tables, rows, table1_text
from signal_perception.report.page.table import Table
from signal_perception.report.results import naming, poster, runs
from signal_perception.report.results.tables import Results


@dataclass(frozen=True)
class Accuracy:
    """Table 1, what its test clips consist of, and notes.

    scores: Table 1 as numbers; training: what intervals say of it; several_runs: whether a model
    has several; notes: sentences below it. tied, not_finite: name of a model → videos of it, where
    there are any. pairs: k → models against each other. matrices: names of the figures, one for
    each model; with many classes `confused` has the pairs that are confused most. missing: names of
    the models that were not run. pictures: all figures, in the order of the page.
    """

    scores: Sequence[table1.Row]
    table: Table
    chance: str
    videos: str
    controls: Sequence[str]
    training: str
    several_runs: bool
    notes: Sequence[str]
    tied: Mapping[str, int]
    not_finite: Mapping[str, int]
    pairs: Mapping[int, Sequence[Pair]]
    pairs_table: Table
    classes: Table
    matrices: Sequence[str]
    confused: Table
    ece: Table
    sampling: Table
    missing: Sequence[str]
    pictures: Sequence[Picture]

    # Charts that have a place of their own in the page.
    places = ("table1", "classes", "confusion", "calibration", "sampling", "curves", "decode")

    @property
    def pairs_in_words(self) -> str:
        """What the pairs at top-1 come to, in a sentence; empty where there are none."""
        return finding(self.pairs[1]) if self.pairs[1] else ""

    @property
    def confuses(self) -> bool:
        """Whether there is anything to show of confusion."""
        return bool(self.matrices or self.confused.rows)


def accuracy(
    results: Results, source: Mapping[str, Any], *, bootstrap: Bootstrap, dpi: int
) -> Accuracy:
    """Draw the figures of accuracy of one data set, and write its tables.

    source: of the data set, in the parameters. bootstrap: of pairs of models.
    """
    metrics = list(results.accuracy.values())
    scores = table1.table(results, source)
    matrices, confused = _confusion(results, dpi)
    controls = _once(control for m in metrics for control in m["controls"])
    pairs = {k: compared(results.correct, k, bootstrap) for k in table1.RANKS}
    return Accuracy(
        scores=scores,
        table=accuracy_tables.accuracy(
            scores, controls, has_poster=results.dataset in poster.TABLE1
        ),
        chance=f"{metrics[0]['chance1']:.2f} / {metrics[0]['chance5']:.2f}" if metrics else "",
        videos=", ".join(
            _once(f"{m['total']} videos in {m['n_clusters']} clusters" for m in metrics)
        ),
        controls=controls,
        training=runs.in_words((m.get("n_runs", 1) for m in metrics), "intervals"),
        several_runs=any("n_runs" in m for m in metrics),
        notes=table1_text.notes(scores),
        tied=_videos(results, "tied"),
        not_finite=_videos(results, "not_finite"),
        pairs=pairs,
        pairs_table=accuracy_tables.pairs(pairs[1]),
        classes=accuracy_tables.classes(results),
        matrices=[_name(results, each) for each in matrices],
        confused=accuracy_tables.confused(confused),
        ece=accuracy_tables.calibration(results.accuracy),
        sampling=accuracy_tables.sampling(rows.sampling_rows(results)),
        missing=[naming.model(model) for model in results.models if model not in results.accuracy],
        pictures=[*matrices, *_calibration(results, dpi)],
    )


def _name(results: Results, drawn: Picture) -> str:
    return drawn.file.removeprefix(f"{results.dataset}-").removesuffix(".png")


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


def _calibration(results: Results, dpi: int) -> list[Picture]:
    """The figure, where there is something to draw."""
    if not results.calibration:
        return []
    figure = partial(calibration_figure, results.calibration, dpi=dpi)
    caption = [
        "Top-1 of the videos of each bin of confidence, the probability of the predicted class:"
        " above the dotted line a model is right more often than it is sure. Larger points have"
        " more videos; bars are 95 % intervals, each for its bin alone."
    ]
    return [picture(f"{results.dataset}-calibration.png", figure, "Calibration", caption)]


def _videos(results: Results, what: str) -> dict[str, int]:
    """Name of a model → how many of its videos a metric counts, where it counts any."""
    counts = {naming.model(model): metrics[what] for model, metrics in results.accuracy.items()}
    return {name: count for name, count in counts.items() if count}


def _once(values: Iterable[str]) -> list[str]:
    """Each value once, in order of appearance."""
    return list(dict.fromkeys(values))
