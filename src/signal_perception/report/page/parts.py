"""What fills the page: the charts and the findings of a data set, each from a room of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.spectral import spectral_charts
from signal_perception.report.charts.transfer import transfer_charts
from signal_perception.report.findings.finding import Finding
from signal_perception.report.findings.first import findings
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings

Charts = Callable[[Results, Settings], Sequence[Chart]]
Findings = Callable[[Results, Settings], Sequence[Finding]]


def _none(results: Results, settings: Settings) -> Sequence[Finding]:
    return ()


@dataclass(frozen=True)
class Sources:
    """Where charts and findings come from. charts: part of a section → its charts."""

    charts: Mapping[str, Charts] = field(default_factory=dict)
    findings: Findings = _none


# Of the page. Parts: accuracy, spectral, transfer, noise.
SOURCES = Sources(
    {"spectral": spectral_charts, "transfer": transfer_charts},
    findings,
)
