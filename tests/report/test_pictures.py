"""Pictures are drawn once, late, and with the same bytes in one process or several."""

import io
from functools import partial

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from signal_perception.report.figures import pictures, style
from signal_perception.report.figures.pictures import Picture, picture


def _line(height: float) -> Figure:
    with style.look():
        figure = style.figure((2.0, 1.0), 50)
        figure.subplots().plot([0, height])
    return figure


def _some(count: int) -> list[Picture]:
    return [picture(f"{n}.png", partial(_line, n), f"Line {n}", ["A line."]) for n in range(count)]


@pytest.fixture
def alone(monkeypatch: pytest.MonkeyPatch) -> list[Picture]:
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", "1")
    found = _some(30)
    pictures.draw(found)
    return found


def test_several_processes_draw_the_same_bytes(
    alone: list[Picture], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", "2")
    together = _some(30)
    pictures.draw(together)
    assert [each.drawn for each in together] == [each.drawn for each in alone]
    assert len({each.png for each in alone}) == len({each.pdf for each in alone}) == 30


def test_a_picture_is_drawn_when_it_is_asked_for_and_once() -> None:
    drawn = []

    def make() -> Figure:
        drawn.append(1)
        return _line(1)

    one = picture("a.png", make, "", [])
    assert not drawn
    assert one.pdf.startswith(b"%PDF") and one.png.startswith(b"\x89PNG")
    assert (one.width, one.paper, drawn) == (170, "a.pdf", [1])
    pictures.draw([one])
    assert drawn == [1]


def test_a_pdf_tells_nothing_of_its_making() -> None:
    first, second = (picture("a.png", _line(1), "", []).pdf for _ in range(2))
    assert first == second
    for told in (b"CreationDate", b"Producer", b"Creator", b"atplotlib"):
        assert told not in first


def test_large_areas_keep_their_colour() -> None:
    with style.look():
        figure = style.figure((2.0, 2.0), 50)
        axis = figure.subplots()
        axis.imshow(np.random.default_rng(0).random((40, 40, 3)))
        axis.set_axis_off()
    shown = np.asarray(Image.open(io.BytesIO(style.png(figure))).convert("RGB"))
    assert (shown[0] == 255).all()
