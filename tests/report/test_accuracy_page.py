"""The page's part on accuracy: what stands first, beside Table 1, and folded below it."""

from dataclasses import replace
from typing import Any

import pandas as pd
import pytest

from signal_perception.report.results.tables import Results
from tests.support.accuracy_tables import confusion_table
from tests.support.pages import NO_NOISE, Made, make_page, text
from tests.support.results import accuracy, results

NOTHING: dict[str, Any] = {"spectra": {}, "depth": {}, "curves": {}, **NO_NOISE}


def accuracy_alone(**changes: Any) -> Results:
    """Without spectra and noise, which take long to draw."""
    return replace(results(), **(NOTHING | changes))


@pytest.fixture(scope="module")
def made() -> Made:
    return make_page(accuracy_alone())


def test_what_misleads_is_said_before_table_1_and_only_where_something_does(made: Made) -> None:
    assert "Read this first" not in made.html
    odd = accuracy_alone(accuracy={"i3d": accuracy() | {"above_chance": False}})
    html = make_page(odd).html
    html = html[html.index("<main>") :]
    assert html.index("Read this first") < html.index("I3D is not shown to be above chance")
    assert html.index("I3D is not shown to be above chance") < html.index("Table 1. Accuracy")


def test_what_table_1_is_made_of_is_folded_below_it(made: Made) -> None:
    page_text = text(made.html)
    for expected in (
        "1 × 1 75.78 (72.7–78.8)",
        "Models against each other 1 of 1 pairs of models differ at top-1; better: TimeSformer",
        # first alone, second alone, difference
        "TimeSformer (divided) − I3D 20 0 15.6 (",
        "takes videos as independent",
        # no interval where all videos come from one source
        "NA 16 62 (38–82) 62 (38–82) clap 16 88 88 wave 16 94 (71–99) 94 (71–99)",
        "expected calibration error, points TimeSformer (divided) 4.0 (1.5–9.0)",
    ):
        assert expected in page_text
    start = made.html.index("Confusion: which class is taken for which</h3></summary>")
    assert made.html.index("Confusion. I3D.</strong>") < made.html.index("</details>", start)
    assert set(made.tables) == {"table1.md", "table1.tex", "table1.csv", "mcnemar.csv"}


def test_the_poster_stands_beside_its_own_data_sets_with_a_test_or_the_reason_for_none() -> None:
    ours = accuracy(1100, 1530) | {"correct5": 1400, "top5": 100 * 1400 / 1530}
    shown = accuracy_alone(dataset="hmdb51", accuracy={"i3d": ours, "swin": accuracy()})
    source = {"source": {"kind": "hmdb51", "split": 1}, "flip": True}
    page_text = text(make_page(shown, datasets={"hmdb51": source}).html)
    assert "71.44 / 93.20 Kinetics-400 74.30 +0.5 (−2.8 to +3.7), p = 0.779" in page_text
    assert "75.16 / 93.46 Kinetics-400 – 128 videos, the poster has 1530" in page_text
    assert "Newcombe" in page_text
    assert "Newcombe" not in text(make_page(accuracy_alone()).html)


def test_many_classes_have_no_matrix_but_the_pairs_confused_most() -> None:
    names = [f"c{n:02d}" for n in range(61)]
    table = confusion_table().replace({"clap": "<b>"})
    many = pd.DataFrame({"label": names, "predicted": names, "videos": 3})
    shown = make_page(accuracy_alone(confusion={"i3d": pd.concat([table, many])}))
    assert "shapes-i3d-confusion.png" not in shown.figures
    page_text = text(shown.html)
    assert "I3D NA wave 6 of 16 38 (18–62) I3D &lt;b&gt; NA 2 of 16" in page_text
    assert "wave no score 1 of 16" in page_text
    assert "c00 c01" not in page_text
