"""The charts of one data set's features, and of its spectra with other weights."""

from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.transfer_charts import cka_chart, probe_chart
from signal_perception.report.charts.weights_chart import weights_chart
from signal_perception.report.findings import transfer
from signal_perception.report.results import weights
from signal_perception.report.results.depth import Reading
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings


def transfer_charts(results: Results, settings: Settings) -> list[Chart]:
    """In the order of the page; a chart that has nothing to show is left out."""
    report, dataset = settings.report, results.dataset
    depths = {model: results.depth[model] for model in results.models if model in results.depth}
    spectra = weights.present(results.others, depths)
    shown = transfer.shown(results.probes, dataset)
    found = [
        probe_chart(shown, results.accuracy, dataset, settings.probe["folds"]),
        cka_chart(transfer.others(shown, dataset), dataset),
        weights_chart(spectra, depths, Reading(report.point, report.statistic), dataset),
    ]
    return [chart for chart in found if chart is not None]
