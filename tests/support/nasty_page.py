"""A page whose names are HTML that would run, if any of them became HTML."""

from dataclasses import replace

import altair as alt
import pandas as pd

from signal_perception.report.charts.chart import DATA, Chart
from signal_perception.report.findings.finding import Finding
from signal_perception.report.findings.losses import Comparison
from signal_perception.report.page.sources import Sources
from signal_perception.report.results.tables import Results
from signal_perception.report.settings import Settings
from tests.support.accuracy_tables import classes_table
from tests.support.noise_tables import contrasts_table
from tests.support.pages import Made, make_page
from tests.support.results import accuracy, results

NASTY = "<img src=x onerror=alert(1)>"
TABLE = pd.DataFrame(
    {
        "model": ["I3D", "I3D", NASTY, NASTY],
        "class": [NASTY, 'a "quoted", class', NASTY, 'a "quoted", class'],
        "top1": [1 / 3, 50.0, 66.25, float("nan")],
        "significant": [True, False, False, True],
    }
)


def _chart(name: str) -> Chart:
    """Dots of each class; the reader chooses one, and models in the legend."""
    chosen = alt.param(
        name="chosen",
        value="all",
        bind=alt.binding_radio(options=["all", *TABLE["class"].unique()], name="Class: "),
    )
    legend = alt.selection_point(name="legend", fields=["model"], bind="legend")
    colours = ["#1a1a1a", "#332288"]
    points = (
        alt.Chart(alt.NamedData(DATA), name="points")
        .transform_filter("chosen == 'all' || datum.class == chosen")
        .mark_point(filled=True, size=90)
        .encode(
            x=alt.X("top1:Q", title="top-1, %").scale(domain=[0, 100]),
            y=alt.Y("class:N", title=None),
            color=alt.Color("model:N").scale(range=colours),
            shape=alt.condition("datum.significant", alt.value("circle"), alt.value("square")),
            opacity=alt.when(legend).then(alt.value(1)).otherwise(alt.value(0.2)),
            tooltip=["model:N", "class:N", "top1:Q"],
        )
        .add_params(chosen, legend)
        .properties(width="container", height=120, description=f"Dots of {NASTY}")
    )
    return Chart(name, f"Dots {NASTY}", [f"Caption {NASTY}."], TABLE, points.to_dict())


def _charts(results: Results, settings: Settings, compared: Comparison) -> list[Chart]:
    return [_chart("dots"), _chart("classes")]


def _findings(results: Results, settings: Settings, compared: Comparison) -> list[Finding]:
    return [
        Finding("accuracy", f"{NASTY} is best.", "No test.", "table1"),
        Finding("noise", "None breaks first.", "Paired, after Holm.", "nowhere"),
    ]


def _planted() -> Results:
    """A model, a class, and a panel of a nasty name; no spectra and no cells."""
    classes = classes_table()
    classes.loc[0, "class"] = NASTY
    contrasts = contrasts_table().replace({"spatial_attn.v": NASTY})
    return replace(
        results(),
        models=(NASTY, "i3d"),
        accuracy={NASTY: accuracy(), "i3d": accuracy(77, dropped=1)},
        spectra={},
        depth={},
        noise={},
        robustness={},
        noise_spectra={},
        curves={},
        confusion={},
        calibration={},
        correct={},
        probes={},
        classes=dict.fromkeys((NASTY, "i3d"), classes),
        contrasts={NASTY: contrasts},
    )


def nasty_page() -> Made:
    """Two charts, findings, and the tables of a model, a class and a panel of a nasty name."""
    return make_page(_planted(), sources=Sources({"accuracy": _charts}, _findings))
