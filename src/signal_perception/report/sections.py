"""What the page shows of one data set: its figures, drawn, and its rows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from signal_perception.report import captions, poster, rows, style
from signal_perception.report.losses import Bootstrap
from signal_perception.report.noise_section import Noise, noise
from signal_perception.report.pictures import Picture, picture
from signal_perception.report.settings import Settings
from signal_perception.report.spectral_section import Spectra, spectra
from signal_perception.report.tables import Results
from signal_perception.report.training_figure import curves_figure
from signal_perception.report.transfer_section import Transfer, transfer


@dataclass(frozen=True)
class Accuracy:
    """Table 1, what its test clips consist of, and notes.

    tied, not_finite: name of a model → videos of it, where there are any. missing: names of the
    models that were not run.
    """

    sampling: Sequence[rows.SamplingRow]
    rows: Sequence[rows.AccuracyRow]
    chance: str
    videos: str
    controls: Sequence[str]
    has_poster: bool
    tied: Mapping[str, int]
    not_finite: Mapping[str, int]
    missing: Sequence[str]


@dataclass(frozen=True)
class Section:
    """One data set's part of the page; curves and decoding are None where they were not run."""

    dataset: str
    name: str
    accuracy: Accuracy
    curves: Picture | None
    spectra: Spectra
    transfer: Transfer
    noise: Noise
    decoding: rows.Decoding | None

    @property
    def pictures(self) -> list[Picture]:
        """All figures of the section, in the order of the page."""
        return [
            *([self.curves] if self.curves else []),
            *self.spectra.pictures.values(),
            *self.transfer.pictures.values(),
            *self.noise.drawn,
        ]


def section(results: Results, settings: Settings) -> Section:
    """Draw the figures of one data set, and write its rows."""
    bootstrap = Bootstrap(settings.seed, settings.noise["bootstrap"])
    scale, dpi = settings.noise["scale"], settings.report.dpi
    return Section(
        dataset=results.dataset,
        name=style.dataset_name(results.dataset),
        accuracy=_accuracy(results),
        curves=_curves(results, dpi),
        spectra=spectra(results, settings.report),
        transfer=transfer(results, settings),
        noise=noise(results, scale=scale, bootstrap=bootstrap, dpi=dpi),
        decoding=None if results.decode is None else rows.decoding(results.decode),
    )


def _accuracy(results: Results) -> Accuracy:
    metrics = list(results.accuracy.values())
    return Accuracy(
        rows=rows.accuracy_rows(results),
        sampling=rows.sampling_rows(results),
        chance=f"{metrics[0]['chance1']:.2f} / {metrics[0]['chance5']:.2f}" if metrics else "",
        videos=", ".join(
            _once(f"{m['total']} videos in {m['n_clusters']} clusters" for m in metrics)
        ),
        controls=_once(control for m in metrics for control in m["controls"]),
        tied=_videos(results, "tied"),
        not_finite=_videos(results, "not_finite"),
        has_poster=results.dataset in poster.TABLE1,
        missing=_missing(results.models, results.accuracy),
    )


def _curves(results: Results, dpi: int) -> Picture | None:
    if not results.curves:
        return None
    return picture(
        f"{results.dataset}-curves.png",
        curves_figure(results.curves, dpi=dpi),
        "Fine-tuning",
        captions.curves(results.curves),
    )


def _videos(results: Results, what: str) -> dict[str, int]:
    """Name of a model → how many of its videos a metric counts, where it counts any."""
    counts = {style.name(model): metrics[what] for model, metrics in results.accuracy.items()}
    return {name: count for name, count in counts.items() if count}


def _missing(models: Sequence[str], found: Mapping[str, object]) -> list[str]:
    return [style.name(model) for model in models if model not in found]


def _once(values: Iterable[str]) -> list[str]:
    """Each value once, in order of appearance."""
    return list(dict.fromkeys(values))
