"""The interactive charts of accuracy, and of what it is made of."""

from collections.abc import Mapping
from typing import Any

from signal_perception.report.charts.calibration_chart import calibration_chart
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.classes_chart import classes_chart
from signal_perception.report.charts.confusion_chart import confusion_chart
from signal_perception.report.charts.decode_chart import decode_chart
from signal_perception.report.charts.sampling_chart import sampling_chart
from signal_perception.report.charts.table1_chart import table1_chart
from signal_perception.report.charts.training_chart import training_chart
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings


def accuracy_charts(results: Results, settings: Settings) -> list[Chart]:
    """Those of one data set, in the order of the page; one with nothing to show is left out."""
    dataset: Mapping[str, Any] = settings.datasets.get(results.dataset, {})
    found = [
        table1_chart(results, dataset.get("source", {})),
        classes_chart(results),
        confusion_chart(results),
        calibration_chart(results),
        training_chart(results),
        sampling_chart(results),
        decode_chart(results),
    ]
    return [chart for chart in found if chart is not None]
