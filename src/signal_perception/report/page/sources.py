"""What fills the page: the charts and the findings of a data set, each from a room of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from signal_perception.report.charts.accuracy import accuracy_charts
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.noise import noise_charts
from signal_perception.report.charts.spectral import spectral_charts
from signal_perception.report.charts.transfer import transfer_charts
from signal_perception.report.findings.finding import Finding
from signal_perception.report.findings.first import findings
from signal_perception.report.findings.losses import Comparison
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings

# The models under noise against each other are compared once, for all that tell of them.
Charts = Callable[[Results, Settings, Comparison], Sequence[Chart]]
Findings = Callable[[Results, Settings, Comparison], Sequence[Finding]]


def _none(results: Results, settings: Settings, compared: Comparison) -> Sequence[Finding]:
    return ()


@dataclass(frozen=True)
class Sources:
    """Where charts and findings come from. charts: part of a section → its charts."""

    charts: Mapping[str, Charts] = field(default_factory=dict)
    findings: Findings = _none


# Of the page. Parts: accuracy, spectral, transfer, noise.
SOURCES = Sources(
    {
        "accuracy": lambda results, settings, compared: accuracy_charts(results, settings),
        "spectral": lambda results, settings, compared: spectral_charts(results, settings),
        "transfer": lambda results, settings, compared: transfer_charts(results, settings),
        "noise": noise_charts,
    },
    findings,
)
