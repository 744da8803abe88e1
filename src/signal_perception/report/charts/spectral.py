"""The charts of one data set's spectra."""

from signal_perception.report.charts import depth_rows, spatial_charts
from signal_perception.report.charts.cells_charts import discriminability_chart, spectrogram_chart
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.comparison_chart import comparison_chart, hertz_chart
from signal_perception.report.charts.controls_chart import controls_chart
from signal_perception.report.charts.figure1_chart import figure1_chart
from signal_perception.report.charts.motion_chart import motion_chart
from signal_perception.report.charts.noise_spectra_chart import noise_spectra_chart
from signal_perception.report.charts.response_chart import response_chart
from signal_perception.report.results import poster
from signal_perception.report.results.depth import Reading
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings


def spectral_charts(results: Results, settings: Settings) -> list[Chart]:
    """In the order of the page; a chart that has nothing to show is left out."""
    report = settings.report
    reading = Reading(report.point, report.statistic)
    models = [m for m in results.models if m in results.depth and m in results.spectra]
    if not models:
        return []
    depths = {model: results.depth[model] for model in models}
    bins = {model: results.spectra[model] for model in models}
    taps = depth_rows.placed(depths)
    temporal = depth_rows.placed(bins, "temporal")
    space = spatial_charts.placed(bins)
    found = [
        motion_chart(taps, depths, reading),
        figure1_chart(taps, depths, reading, poster.figure1(results.dataset)),
        controls_chart(taps, depths, reading) if report.controls else None,
        comparison_chart(taps, depths, reading),
        hertz_chart(temporal, bins, reading, results.decode),
        spectrogram_chart(temporal, bins, report.statistic),
        response_chart(temporal, bins, reading),
        spatial_charts.spatial_chart(space, bins, report.statistic),
        spatial_charts.spatial_depth_chart(space, bins, report.statistic),
        discriminability_chart(temporal, bins),
        noise_spectra_chart(results.noise_spectra),
    ]
    return [chart for chart in found if chart is not None]
