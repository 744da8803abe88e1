"""Charts as the page holds them, and its colours on both grounds."""

import json

import pandas as pd
import pytest

from signal_perception.report.charts.chart import Chart
from signal_perception.report.page.embedded import Embedded, column_types, variable, with_variables
from signal_perception.report.results import naming, noise_cells, palette

TABLE = pd.DataFrame(
    {
        "model": ["I3D", "</script><script>alert(1)</script>"],
        "class": ["1", "2"],
        "top1": [1 / 3, float("nan")],
        "videos": [3, 4],
        "differs": [True, False],
    }
)


def test_a_chart_is_json_that_cannot_end_its_script_element() -> None:
    chart = Chart("a b", "title", [], TABLE, {"description": "a < b"})
    made = Embedded("shapes", chart)
    assert made.id == "shapes-a-b"
    assert "<" not in made.json
    content = json.loads(made.json)
    assert content["csv"] == TABLE.to_csv(index=False)
    assert content["spec"] == {"description": "a < b"}


def test_a_name_that_looks_like_a_number_stays_a_name() -> None:
    assert column_types(TABLE) == {
        "model": "string",
        "class": "string",
        "top1": "number",
        "videos": "number",
        "differs": "boolean",
    }


def test_colours_of_the_palette_are_variables_unless_a_scale_mixes_them() -> None:
    mixed = {"type": "quantitative", "scale": {"range": ["#0072B2", "#D55E00"]}}
    spec = {
        "mark": {"color": "#332288"},
        "layer": [{"encoding": {"color": {"type": "nominal", "scale": {"range": ["#1A1A1A"]}}}}],
        "encoding": {"fill": mixed, "text": {"value": "#fdfdfd"}},
    }
    found = with_variables(spec)
    assert found["mark"]["color"] == "var(--c-332288)"
    assert found["layer"][0]["encoding"]["color"]["scale"]["range"] == [variable("#1a1a1a")]
    assert found["encoding"] == spec["encoding"]


def _luminance(colour: str) -> float:
    """Relative luminance of a colour, as WCAG 2 has it."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    low, high = sorted(map(_luminance, (one, other)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_measured_as_it_is_defined() -> None:
    assert _contrast("#000000", "#ffffff") == pytest.approx(21)
    assert _contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("light", palette.DARK)
def test_every_colour_is_seen_on_the_dark_ground(light: str) -> None:
    assert _contrast(palette.DARK[light], palette.GROUND["dark"]) >= 3


def test_every_colour_of_models_and_panels_has_a_dark_one() -> None:
    models = [*naming.NAMES, *(f"a model of one's own {n}" for n in range(4))]
    panels = ["$W_Q$", "$W_K$", "$W_V$", *(f"{third} third" for third in noise_cells.THIRDS)]
    panels += [f"a panel of one's own {n}" for n in range(5)]
    looks = palette.of_models(models) | palette.of_panels(panels)
    colours = {colour for colour, _ in looks.values()}
    assert len(looks) == 24
    assert colours <= set(palette.DARK)
    dark = [palette.DARK[colour] for colour in colours]
    assert len(set(dark)) == len(dark)
