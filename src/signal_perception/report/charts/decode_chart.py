"""What became of the videos when they were decoded: verdicts of each split."""

from typing import Any

import altair as alt
import pandas as pd

from signal_perception.report.charts import marks
from signal_perception.report.charts.chart import Chart
from signal_perception.report.charts.inputs import in_legend
from signal_perception.report.results.tables import Results
from signal_perception.vocabulary import REFUSED, UNLISTED

_GOOD = "ok"
# Split → colour and symbol; after Okabe and Ito.
_LOOKS = {
    "train": ("#56b4e9", "circle"),
    "test": ("#0072b2", "square"),
    "in no list": (marks.GREY, "diamond"),
}


def decode_chart(results: Results) -> Chart | None:
    """A bar per verdict and split; None where nothing was decoded."""
    if results.decode is None or results.decode.empty:
        return None
    table = _table(results.decode)
    return Chart(
        "decode",
        "Decoded videos",
        [
            "Videos by verdict and split. Ok: as many frames as the file announces; refused: no "
            "frame can be used, so the video is in no result."
            + (" Unlisted: on disk, but in no list of a split." if _has_unlisted(table) else "")
        ],
        table,
        _spec(table),
    )


def _has_unlisted(table: pd.DataFrame) -> bool:
    return UNLISTED in set(table["verdict"])


def _table(decode: pd.DataFrame) -> pd.DataFrame:
    """A row per verdict and split that has videos, "ok" first; percent of the split's videos."""
    verdict = decode["verdict"].where(~decode["verdict"].str.startswith(REFUSED), REFUSED)
    split = decode["split"].where(decode["verdict"] != UNLISTED, "in no list")
    counts = pd.DataFrame({"verdict": verdict, "split": split}).value_counts().reset_index()
    counts.columns = ["verdict", "split", "videos"]
    counts["total"] = counts.groupby("split")["videos"].transform("sum")
    counts["percent"] = 100 * counts["videos"] / counts["total"]
    first = counts["verdict"] != _GOOD
    order = counts.assign(first=first, place=counts["split"].map(list(_LOOKS).index))
    rows = order.sort_values(["first", "verdict", "place"], ignore_index=True)
    return rows.drop(columns=["first", "place"])


def _spec(table: pd.DataFrame) -> dict[str, Any]:
    looks = {split: look for split, look in _LOOKS.items() if split in set(table["split"])}
    clicked = in_legend("splits", "split")
    base = marks.chart("decode").encode(
        y=alt.Y(
            "verdict",
            type="nominal",
            sort=list(dict.fromkeys(table["verdict"])),
            title=None,
            axis=alt.Axis(labelLimit=200),
        ),
        yOffset=alt.YOffset("split", type="nominal", sort=list(looks)),
        opacity=marks.chosen(clicked),
        tooltip=[
            alt.Tooltip("verdict", type="nominal"),
            alt.Tooltip("split", type="nominal"),
            alt.Tooltip("videos", type="quantitative"),
            alt.Tooltip("total", type="quantitative", title="of videos of the split"),
            alt.Tooltip("percent", type="quantitative", format=".2f", title="%"),
        ],
    )
    # room for the number beside the longest bar
    x = alt.X(
        "videos",
        type="quantitative",
        title="videos",
        scale=alt.Scale(domain=[0, float(max(table["videos"])) * 1.15], nice=False),
        axis=alt.Axis(tickMinStep=1),
    )
    bars = (
        base.mark_bar()
        .encode(x=x, color=marks.colour("split", looks, "split"))
        .add_params(clicked)
        .properties(name="bars")
    )
    numbers = (
        base.transform_calculate(text="datum.split + ' ' + datum.videos")
        .mark_text(aria=False, align="left", dx=4, color=marks.DARK, fontSize=11)
        .encode(x=x, text=alt.Text("text", type="nominal"))
        .properties(name="numbers")
    )
    return marks.layers(
        bars,
        numbers,
        description="Videos by verdict of decoding and split, as bars with their number.",
        height=alt.Step(22, **{"for": "offset"}),
    )
