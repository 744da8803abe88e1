"""The page: what it shows, that it is well formed, and that the same tables give the same bytes."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Any

import pytest

from signal_perception.report.results.tables import Results
from tests.support.pages import NO_NOISE, Made, make_page, text
from tests.support.results import accuracy, results, sampling
from tests.support.spectral_tables import depth_table, spectra_table


@pytest.fixture(scope="module")
def made() -> Made:
    return make_page(results())


def test_the_same_tables_give_the_same_bytes(made: Made) -> None:
    again = make_page(results())
    assert again.html == made.html
    assert again.figures == made.figures
    assert again.tables == made.tables
    pictures = [
        "shapes-timesformer_divided-confusion.png",
        "shapes-i3d-confusion.png",
        "shapes-calibration.png",
        "shapes-curves.png",
        "shapes-motion.png",
        "shapes-figure1.png",
        "shapes-controls.png",
        "shapes-comparison.png",
        "shapes-spectrogram.png",
        "shapes-response.png",
        "shapes-spatial.png",
        "shapes-spatial-depth.png",
        "shapes-discriminability.png",
        "shapes-probe.png",
        "shapes-models.png",
        "shapes-kappa.png",
        "shapes-noise-spectra-figure2.png",
        "shapes-timesformer_divided-figure2.png",
        "shapes-timesformer_divided-figure2-surfaces.png",
    ]
    papers = [name.replace(".png", ".pdf") for name in pictures]
    assert list(made.figures) == [*pictures, *papers]
    for name, content in made.figures.items():
        assert content.startswith(b"\x89PNG" if name.endswith(".png") else b"%PDF")
        # neither software nor date
        for told in (b"tEXt", b"CreationDate", b"Producer", b"Creator"):
            assert told not in content


def test_the_numbers_are_on_the_page(made: Made) -> None:
    page_text = text(made.html)
    for expected in (
        "75.78 (72.7–78.8)",
        "93.75 (90.7–96.8)",
        "97 / 120 of 128",
        # top-1 of shuffled clips
        "14.06",
        "128 videos in 32 clusters",
        "0123abcd" * 8,
        "σ = 0.3, γ = 0.85, ρ = 0.5",
        "mean over 3 repeats",
        "Figure 2: Top-1: spatial_attn.v loses more than spatial_attn.q; not significant: 0 of 1",
        "TimeSformer (divided), Figure 3: not significant: 2 of 2 contrasts.",
        # difference, interval, p, κ of both, weaker
        "W_V − W_Q 9 −20.0 (−22.0 to −18.0) 0.001 0.50, 0.25 W_V",
        # rounded −0.02
        "front third − rear third 9 0.0 (",
        "Figure 2: TimeSformer (divided) loses 30.0 points, 29.6–30.4; there is no other model.",
        "TimeSformer (divided): one curve; κ alone explains",
        "noise in W_V whitens the spectrum (Δ rises at 4 of 4 taps).",
        "+0.105",
        "½ ln T′",
        "1 of 3 videos were dropped",
        "Not run: weight noise of I3D.",
        "95 % bootstrap-t over 128 videos",
        "I3D: at 13 of 13 Conv taps the clip has more than its static control: motion.",
        "the model&#39;s own time code, not motion.",
        "No spatial spectrum. I3D: its maps have at most 2 × 2 places",
        # taps, top-1 of the first, the last and the highest
        "I3D fine-tuned on shapes 4 50.0 (42.0–58.0) 80.0 (72.0–88.0) 80.0 (72.0–88.0) 03.conv",
        "over 3 folds of whole sources",
        "Not run: probes of TimeSformer (divided).",
    ):
        assert expected in page_text
    assert made.html.count("data:image/png;base64,") == len(made.figures) / 2


def test_an_accuracy_over_fewer_videos_is_marked(made: Made) -> None:
    assert "I3D †" in made.html
    assert "TimeSformer (divided) †" not in made.html
    assert "Not every test video was scored" in text(made.html)
    nothing: dict[str, Any] = {"spectra": {}, "depth": {}, "curves": {}, **NO_NOISE}
    complete = make_page(replace(results(), accuracy={"i3d": accuracy()}, **nothing))
    assert "†" not in complete.html


def test_surfaces_are_folded_away_and_read_second(made: Made) -> None:
    html = made.html
    start = html.index("model by model</h3>")
    cells = html.index("TimeSformer (divided), shapes: noise by component, σ × γ.</strong>", start)
    folded = html.index(
        "<summary>TimeSformer (divided), shapes: noise by component, σ × γ, as surfaces"
    )
    assert cells < folded < html.index("</details>", folded)


def test_ties_and_scores_that_are_no_numbers_are_told_below_table_1(made: Made) -> None:
    assert "another class tied" not in text(made.html[: made.html.index("Noise: what")])
    nothing: dict[str, Any] = {"spectra": {}, "depth": {}, "curves": {}, **NO_NOISE}
    tied = {"i3d": accuracy() | {"tied": 1, "not_finite": 2}}
    page_text = text(make_page(replace(results(), accuracy=tied, **nothing)).html)
    assert "I3D: 1 video with another class tied with the true one, which counts by" in page_text
    assert "I3D: 2 videos with scores that are not finite, wrong." in page_text


def _spectra_alone(**known: Any) -> Made:
    """The page of one model of two blocks that has spectra and nothing else."""
    known = {"backbone": [(("joint_attn", "mlp"), 2, 8)]} | known
    nothing = Results("shapes", ("swin",), None, {}, {}, {}, {}, {})
    spectra = {"swin": spectra_table("swin", **known)}
    depth = {"swin": depth_table("swin", **known)}
    return make_page(replace(nothing, spectra=spectra, depth=depth))


@pytest.mark.parametrize(
    "known, sentence, absent",
    [
        (
            {"controls": ("clip",)},
            "Swin: no static control was extracted (extract.controls), so",
            ("motion",),
        ),
        (
            {"side": "branch"},
            "Swin: only what the sub-layers add was extracted, not the stream.",
            ("response",),
        ),
        (
            {"size": 2},
            "No spatial spectrum. Swin: its maps have at most 2 × 2 places, and a diagonal needs",
            ("spatial", "spatial-depth"),
        ),
    ],
)
def test_what_was_not_extracted_is_said_and_not_drawn(
    known: dict[str, Any], sentence: str, absent: tuple[str, ...]
) -> None:
    made = _spectra_alone(**known)
    assert sentence in text(made.html)
    names = {file.removeprefix("shapes-").removesuffix(".png") for file in made.figures}
    assert names.isdisjoint(absent)
    assert {"figure1", "controls", "comparison", "spectrogram"} <= names


def test_frames_of_the_test_clips_are_described_where_they_were_counted(made: Made) -> None:
    assert "Frames of the test clips" not in made.html
    nothing: dict[str, Any] = {"spectra": {}, "depth": {}, "curves": {}, **NO_NOISE}
    told = {"i3d": accuracy() | {"sampling": sampling()}}
    page_text = text(make_page(replace(results(), accuracy=told, **nothing)).html)
    assert "I3D 1 8 7.5 12.5 % 3.1 % 0.250" in page_text


def test_text_from_outside_is_escaped(made: Made) -> None:
    assert "&lt;moov&gt; is missing" in made.html
    assert "<moov>" not in made.html


def test_the_page_is_well_formed_and_refers_to_nothing_outside(made: Made) -> None:
    class Balance(HTMLParser):
        void = frozenset({"meta", "img", "input"})

        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            if tag not in self.void:
                self.open.append(tag)
            for key, value in attrs:
                assert key not in ("src", "href") or (value or "").startswith(("data:", "#"))

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    parser = Balance()
    parser.feed(made.html)
    assert parser.open == []
    own = re.sub(r"<script.*?</script>", "", made.html, flags=re.DOTALL)
    assert "http:" not in own and "https:" not in own
    # the libraries' scripts name schemas, and the policy lets nothing through
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', own)
    assert policy is not None
    assert policy.group(1).startswith("default-src &#39;none&#39;; script-src &#39;sha256-")
    assert "unsafe-eval" not in policy.group(1)
    assert re.findall(r"script-src[^;]*unsafe", policy.group(1)) == []


def test_a_data_set_without_results_still_has_its_section() -> None:
    empty = make_page(Results("gestures", ("swin", "i3d"), None, {}, {}, {}, {}, {}))
    for what in ("accuracy", "spectra", "probes", "weight noise"):
        assert f"Not run: {what} of Swin, I3D." in text(empty.html)
    assert "Not run: decoding." in text(empty.html)
    assert empty.figures == {}
    # a study without accuracy has no numbers, and says so
    assert set(empty.tables) == {"table1.md", "table1.tex"}


def test_what_was_run_stands_under_its_headings(made: Made) -> None:
    start = made.html.index(">Parameters</h3>")
    headings = re.findall("<h4>(.*?)</h4>", made.html[start:])
    assert headings == [
        "seed",
        "study",
        "datasets",
        "views",
        "extract",
        "spectra",
        "probe",
        "noise",
        "report",
    ]
    page_text = text(made.html)
    assert "name mine" in page_text
    assert "Code: 0123abcd." in page_text
    assert "report – was not run on this machine" in page_text
    # data sets of other studies are not shown
    assert "shapes {&#39;flip&#39;: False" in page_text
    assert "gestures {" not in page_text


def test_the_order_of_keys_in_the_parameters_does_not_matter() -> None:
    nothing = Results("shapes", ("i3d",), None, {}, {}, {}, {}, {})
    one = make_page(nothing, noise={"repeats": 3, "grids": {"figure2": {"rho": [1], "sigma": [2]}}})
    two = make_page(nothing, noise={"grids": {"figure2": {"sigma": [2], "rho": [1]}}, "repeats": 3})
    assert one.html == two.html
    other = make_page(nothing, noise={"repeats": 4})
    assert one.html != other.html


def test_data_sets_are_written_side_by_side_with_the_same_bytes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    nothing = replace(results(), accuracy={}, spectra={}, depth={}, curves={}, **NO_NOISE)
    pair = (nothing, replace(nothing, dataset="gestures"))
    made = []
    for count in ("1", "2"):
        monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", count)
        made.append(make_page(*pair).page)
    assert made[0] == made[1]
    assert '<section id="gestures">' in made[0].html
