"""What the page shows of a data set's features: probes, CKA, and spectra with other weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from signal_perception.report.captions import spectral_captions, transfer_captions
from signal_perception.report.figures.pictures import Picture, picture
from signal_perception.report.figures.transfer_figure import cka_figure, probe_figure
from signal_perception.report.figures.weights_figure import weights_figure
from signal_perception.report.findings import transfer as probes
from signal_perception.report.page import spectral_tables
from signal_perception.report.page.spectral_section import sentences
from signal_perception.report.page.table import Table
from signal_perception.report.results import naming, weights
from signal_perception.report.results.depth import Reading
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings


@dataclass(frozen=True)
class Transfer:
    """This part of a section.

    pictures: probe, cka and weights, those that have something to show. probes: a row per model and
    weights. compared: whether any are of other weights. weights: spectra with other weights.
    without_probe, without_weights: why models are not in a figure, a sentence for each. missing:
    names of the models without a probe.
    """

    pictures: Mapping[str, Picture]
    probes: Sequence[probes.Row]
    probes_table: Table
    compared: bool
    weights: Sequence[weights.Comparison]
    weights_table: Table
    without_probe: Sequence[str]
    without_weights: Sequence[str]
    missing: Sequence[str]

    # Charts that have a place of their own in the section.
    places = ("probe", "cka", "weights")


def transfer(results: Results, settings: Settings) -> Transfer:
    """Draw the figures of one data set's features, and write their numbers."""
    report, dataset = settings.report, results.dataset
    reading = Reading(report.point, report.statistic)
    depths = {model: results.depth[model] for model in results.models if model in results.depth}
    spectra = weights.present(results.others, depths)
    shown = probes.shown(results.probes, dataset)
    others = probes.others(shown, dataset)
    pictures: dict[str, Picture] = {}
    if shown:
        figure = partial(probe_figure, shown, results.accuracy, dataset, dpi=report.dpi)
        caption = transfer_captions.probe(shown, settings.probe["folds"], others=bool(others))
        title = "Linear probes of frozen features along the depth"
        pictures["probe"] = picture(f"{dataset}-probe.png", figure, title, caption)
    if others:
        figure = partial(cka_figure, others, dataset, dpi=report.dpi)
        title = "Features with other weights against own ones: CKA along the depth"
        caption = transfer_captions.cka(others)
        pictures["cka"] = picture(f"{dataset}-cka.png", figure, title, caption)
    if spectra:
        given = (spectra, depths, reading, dataset)
        pictures["weights"] = picture(
            f"{dataset}-weights.png",
            partial(weights_figure, *given, dpi=report.dpi),
            "Other weights along the depth, and their difference to own ones",
            spectral_captions.weights(*given),
        )
    rows = probes.rows(shown, dataset)
    comparisons = weights.comparisons(spectra, depths, reading, dataset)
    return Transfer(
        pictures=pictures,
        probes=rows,
        probes_table=spectral_tables.probes(rows, compared=bool(others)),
        compared=bool(others),
        weights=comparisons,
        weights_table=spectral_tables.others(comparisons),
        without_probe=sentences(weights.without(others, shown, dataset)),
        without_weights=sentences(weights.without(spectra, depths, dataset)),
        missing=[naming.model(model) for model in results.models if model not in shown],
    )
