"""What the test clips of each model consist of: frames that differ, repeat and begin again."""

from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.charts import marks
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import in_legend
from signal_perception.report.results import naming
from signal_perception.report.results.tables import Results

_COLUMNS = ("clips", "frames", "distinct", "repeated", "looped", "seconds")
# What is drawn, percent → colour and symbol; after Okabe and Ito.
_LOOKS = {
    "distinct frames": ("#0072b2", "circle"),
    "videos with repeated frames": ("#d55e00", "square"),
    "videos with a looped clip": ("#009e73", "triangle-up"),
}


def sampling_chart(results: Results) -> Chart | None:
    """Three dots per model; None where no model says what its clips consist of."""
    rows = [
        {"model": naming.model(model)} | {name: metrics["sampling"][name] for name in _COLUMNS}
        for model, metrics in results.accuracy.items()
        if "sampling" in metrics
    ]
    if not rows:
        return None
    # where no model knows its seconds, the column is one of numbers too
    table = pd.DataFrame(rows).astype({"seconds": float})
    return Chart(
        "sampling",
        "Frames of the test clips",
        [
            "Distinct: different frames of a clip, mean over clips, as percent of its frames. "
            "Repeated: percent of videos with a frame equal to the one before it, since the clip "
            "is longer than the video or samples it more finely. Looped: with a clip that begins "
            "again. Counts over all test videos, so without intervals."
        ],
        table,
        _spec(list(table["model"])),
    )


def _spec(models: list[str]) -> dict[str, Any]:
    distinct, repeated, looped = _LOOKS
    clicked = in_legend("quantities", "quantity")
    dots = (
        marks.chart("sampling")
        .transform_calculate(
            **{
                distinct: "100 * datum.distinct / datum.frames",
                repeated: "datum.repeated",
                looped: "datum.looped",
            }
        )
        .transform_fold(list(_LOOKS), as_=["quantity", "percent"])
        .mark_point(filled=True, size=80)
        .encode(
            x=alt.X(
                "percent",
                type="quantitative",
                title="% of a clip's frames, or of videos",
                scale=alt.Scale(domain=[0, 100], nice=False),
            ),
            y=alt.Y(
                "model", type="nominal", sort=models, title=None, axis=alt.Axis(labelLimit=200)
            ),
            yOffset=alt.YOffset(
                "quantity", type="nominal", sort=list(_LOOKS), scale=alt.Scale(padding=0.5)
            ),
            color=marks.colour("quantity", _LOOKS),
            shape=marks.shape("quantity", _LOOKS),
            opacity=marks.chosen(clicked),
            tooltip=[
                alt.Tooltip("model", type="nominal"),
                alt.Tooltip("quantity", type="nominal", title="what"),
                alt.Tooltip("percent", type="quantitative", format=".1f", title="%"),
                alt.Tooltip("distinct", type="quantitative", format=".1f", title="distinct frames"),
                alt.Tooltip("frames", type="quantitative", title="of frames of a clip"),
                alt.Tooltip("clips", type="quantitative", title="clips of a video"),
                alt.Tooltip(
                    "seconds", type="quantitative", format=".3f", title="seconds between frames"
                ),
            ],
        )
        .add_params(clicked)
        .properties(name="dots")
    )
    return marks.layers(
        dots,
        description="Percent of distinct frames, of videos with repeated frames and of videos with "
        "looped clips, of every model, as dots.",
        height=alt.Step(30, **{"for": "position"}),
    )
