"""The interactive charts of noise."""

from signal_perception.report.charts.cells_table import grids
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.contrasts_chart import contrasts_chart
from signal_perception.report.charts.kappa_chart import kappa_chart
from signal_perception.report.charts.lines_chart import lines_chart
from signal_perception.report.charts.losses_chart import losses_charts
from signal_perception.report.charts.map_chart import map_chart
from signal_perception.report.charts.panel_means import panel_means
from signal_perception.report.charts.retention_chart import retention_chart
from signal_perception.report.charts.thirds_chart import thirds_chart
from signal_perception.report.findings import kappa, losses
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings


def noise_charts(results: Results, settings: Settings, compared: losses.Comparison) -> list[Chart]:
    """Those of one data set, in the order of the page; one with nothing to show is left out.

    compared: the models against each other.
    """
    if not results.noise:
        return []
    tables, dataset = results.noise, results.dataset
    means = panel_means(tables)
    found = [
        thirds_chart(means, results),
        contrasts_chart(results.contrasts),
        retention_chart(means, dataset),
        *losses_charts(compared, settings.noise["scale"], list(results.models)),
    ]
    for grid in grids(tables):
        found += [map_chart(grid, tables, dataset), lines_chart(grid, tables, dataset)]
    found.append(kappa_chart(kappa.curves(tables), dataset))
    return [chart for chart in found if chart is not None]
