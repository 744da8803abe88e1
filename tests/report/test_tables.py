"""The report's tables: read from where dvc.yaml says, and written as rows of text."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from signal_perception.pipeline import dvcfile
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import Study
from signal_perception.report.page import rows
from signal_perception.report.results import tables
from signal_perception.report.results.noise_cells import CLEAN_LOW
from tests.support.noise_tables import noise_table
from tests.support.probe_tables import probe_table
from tests.support.project import change
from tests.support.results import accuracy, decode_table, results, sampling, write
from tests.support.spectral_tables import depth_table
from tests.support.study import default_study

STUDY = Study(
    name="mine",
    datasets=("shapes",),
    models=("timesformer_divided", "i3d"),
    weights=("shapes",),
    seeds=(0,),
    size="tiny",
)

ACCURACY = ("classes", "confusion", "calibration", "correct")


@pytest.fixture
def stages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, dvcfile.Stage]:
    """The stages of the default study, whose outputs lie in a folder that has none."""
    found = dvcfile.stages(default_study(tmp_path))
    monkeypatch.chdir(tmp_path)
    return found


def test_tables_are_read_where_dvc_yaml_has_them(stages: dict[str, dvcfile.Stage]) -> None:
    made = results()
    write(Path("reports/decode/shapes.csv"), decode_table())
    for model in made.models:
        write(Path(f"reports/metrics/accuracy/shapes/{model}-0.json"), made.accuracy[model])
        for kind in ("spectra", "depth"):
            table = getattr(made, kind)[model]
            write(Path(f"reports/tables/{kind}/shapes-{model}-shapes-0.csv"), table)
        write(Path(f"reports/curves/shapes/{model}-0.csv"), made.curves[model])
    for kind in ("noise", "contrasts", "robustness", "noise_spectra"):
        path = Path(f"reports/tables/{kind}/shapes-timesformer_divided-0.csv")
        made_table = getattr(made, kind)["timesformer_divided"]
        write(path, made_table[0] if kind == "robustness" else made_table)
    for kind in ACCURACY:
        for model in made.models:
            path = Path(f"reports/tables/{kind}/shapes-{model}-0.csv")
            write(path, getattr(made, kind)[model])
    write(Path("reports/tables/probe/shapes-i3d-shapes-0.csv"), made.probes["i3d"]["shapes"])
    (found,) = tables.read_study(STUDY, stages)
    assert list(found.probes) == ["i3d"]
    pd.testing.assert_frame_equal(
        found.probes["i3d"]["shapes"], made.probes["i3d"]["shapes"], check_dtype=False
    )
    assert (found.dataset, found.models, found.accuracy) == ("shapes", made.models, made.accuracy)
    assert found.decode is not None
    assert list(found.decode["id"]) == ["a.mp4", "b.mp4", "c.avi"]
    noise = ("noise", "contrasts", "robustness", "noise_spectra")
    for part in ("spectra", "depth", "curves", *noise):
        read, written = getattr(found, part), getattr(made, part)
        assert list(read) == list(written)
        for model in written:
            one, other = read[model], written[model]
            if part == "robustness":
                (one,), (other,) = one, other
            if part == "noise":
                assert set(one.pop(CLEAN_LOW)) == {made.accuracy[model]["low1"]}
            # an empty text is read as nothing
            pd.testing.assert_frame_equal(one, other.replace("", np.nan), check_dtype=False)
    # but here a name, and a class may be called NA
    for part in ACCURACY:
        for model in made.models:
            pd.testing.assert_frame_equal(getattr(found, part)[model], getattr(made, part)[model])


def test_tables_of_other_weights_are_read_beside_the_data_sets_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights = ["shapes-start", "shapes"]
    change(default_study(tmp_path), {"study.weights": weights})
    monkeypatch.chdir(tmp_path)
    own, other = depth_table("i3d"), depth_table("i3d", weights="shapes-start")
    write(Path("reports/metrics/accuracy/shapes/i3d-0.json"), accuracy())
    write(Path("reports/tables/depth/shapes-i3d-shapes-0.csv"), own)
    write(Path("reports/tables/depth/shapes-i3d-shapes-start-0.csv"), other)
    for each in weights:
        table = probe_table(weights=each)
        write(Path(f"reports/tables/probe/shapes-i3d-{each}-0.csv"), table)
    study = STUDY.model_copy(update={"weights": tuple(weights)})
    (found,) = tables.read_study(study, dvcfile.stages())
    pd.testing.assert_frame_equal(found.depth["i3d"], own)
    # the other model has none
    assert {model: list(each) for model, each in found.others.items()} == {"i3d": ["shapes-start"]}
    pd.testing.assert_frame_equal(found.others["i3d"]["shapes-start"], other)
    # own ones first
    assert list(found.probes["i3d"]) == ["shapes", "shapes-start"]


def test_a_table_that_is_not_there_was_not_run(stages: dict[str, dvcfile.Stage]) -> None:
    write(Path("reports/metrics/accuracy/shapes/i3d-0.json"), accuracy())
    (found,) = tables.read_study(STUDY, stages)
    assert found.accuracy == {"i3d": accuracy()}
    assert (found.decode, found.spectra, found.depth, found.others) == (None, {}, {}, {})
    assert (found.noise, found.curves) == ({}, {})
    assert (found.contrasts, found.robustness, found.noise_spectra) == ({}, {}, {})
    assert [getattr(found, part) for part in ACCURACY] == [{}] * 4


def test_a_study_without_results_is_refused(stages: dict[str, dvcfile.Stage]) -> None:
    # videos decoded and a model trained, but nothing found out about it
    write(Path("reports/decode/shapes.csv"), decode_table())
    write(Path("reports/curves/shapes/i3d-0.csv"), results().curves["i3d"])
    with pytest.raises(UserError, match="no results of this study to report yet; run dvc repro"):
        tables.read_study(STUDY, stages)


def test_clips_are_described_where_the_accuracy_says_what_they_consist_of() -> None:
    told = accuracy() | {"sampling": sampling(seconds=0.125)}
    without_rate = accuracy() | {"sampling": sampling(seconds=None)}
    metrics = {"i3d": accuracy(), "timesformer_divided": told, "swin": without_rate}
    row, other = rows.sampling_rows(replace(results(), accuracy=metrics))
    assert (row.model, row.clips, row.frames) == ("TimeSformer (divided)", 1, 8)
    assert (row.distinct, row.repeated, row.looped, row.seconds) == (7.5, 12.5, 3.125, 0.125)
    assert np.isnan(other.seconds)


def test_noise_rows_name_the_weakest_cell() -> None:
    row = rows.noise_rows(noise_table(kinds=("weights", "gradient")))[1]
    assert (row.panel, row.top1, row.top5) == ("W_V", "78.5–53.5", "93.5–68.5")
    assert (row.layers, row.weakest) == ("1/2", "σ = 0.3, γ = 0.85, ρ = 0.5")
    assert row.retention == "0.61 (0.50–0.71)"


def test_an_unknown_kappa_is_a_dash() -> None:
    assert rows.noise_rows(noise_table().assign(kappa=np.nan))[0].kappa == "–"


def test_the_worst_case_has_rows_of_its_own() -> None:
    found = rows.noise_rows(noise_table(kinds=("weights", "gradient")))
    assert [row.panel for row in found] == ["W_Q", "W_V", "worst case, W_Q", "worst case, W_V"]
    assert found[3].top1 == "77.0–27.0"


def test_verdicts_are_counted_and_refused_videos_come_first() -> None:
    found = rows.decoding(decode_table())
    assert found.counts == {"ok": (1,), "refused": (1,), "short": (1,)}
    assert (found.refused, found.total) == (1, 3)
    assert [video["id"] for video in found.others] == ["c.avi", "b.mp4"]
    assert found.others[0]["codec"] == "–"


def test_unlisted_files_are_counted_and_are_no_videos_of_the_data_set() -> None:
    unlisted = decode_table()[:1].assign(id="d.mp4", verdict="unlisted")
    found = rows.decoding(pd.concat([decode_table(), unlisted]))
    assert found.counts["unlisted"] == (1,)
    assert found.total == 3
    assert "d.mp4" not in [video["id"] for video in found.others]
