"""`signal-perception compare`: two commits of a small repository with planted tables."""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner

from signal_perception.commands.app import app
from signal_perception.commands.compare import unpaired
from signal_perception.commands.compare.command import PAGE
from signal_perception.pipeline.errors import UserError
from signal_perception.statistics.proportions import mcnemar
from tests.support.accuracy_tables import correct_table
from tests.support.noise_tables import noise_table, robustness_table
from tests.support.project import ROOT, change
from tests.support.results import accuracy, write
from tests.support.spectral_tables import depth_table
from tests.support.study import default_study

MODELS = ("timesformer_divided", "i3d")


def _git(folder: Path, *words: str) -> str:
    names = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    command = ["git", *names, *words]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def _tables(root: Path, *, right: int, lost: float, weights: str = "ab" * 32) -> None:
    """What the stages of both models write; the first model has `right` videos right."""
    for model in MODELS:
        correct = right if model == MODELS[0] else 77
        metrics = accuracy(correct) | {"weights_sha256": weights if model == MODELS[0] else "cd"}
        write(root / f"reports/metrics/accuracy/shapes/{model}-0.json", metrics)
        place = f"shapes-{model}-0.csv"
        write(root / f"reports/tables/correct/{place}", _spread(correct_table(correct)))
        size = {} if model == MODELS[0] else {"size": 2}
        depth = depth_table(model, **size)
        write(root / f"reports/tables/depth/shapes-{model}-shapes-0.csv", depth)
        panels = ("front", "middle", "rear")
        write(root / f"reports/tables/noise/{place}", noise_table(model, "figure3", panels))
        loses = lost if model == MODELS[0] else 30.0
        table = robustness_table(loses, grids=("figure3",))
        write(root / f"reports/tables/robustness/{place}", table)


def _spread(table: pd.DataFrame) -> pd.DataFrame:
    """Neighbouring videos, which are right together, in different ones of 32 groups."""
    return table.assign(group=[f"g{n % 32:02d}" for n in range(len(table))])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A repository with two commits, a tag, and an experiment of DVC; the current directory.

    The second commit has another rate, 17 videos more right and 20 points less lost.
    """
    folder = default_study(tmp_path_factory.mktemp("compare"))
    shutil.copytree(ROOT / ".dvc/plots", folder / ".dvc/plots")
    change(folder, {"study.models": list(MODELS)})
    _git(folder, "init", "-q", "-b", "main")
    _git(folder, "commit", "-q", "--allow-empty", "-m", "nothing yet")
    _tables(folder, right=80, lost=30.0)
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", "before")
    _git(folder, "tag", "before")
    change(folder, {f"models.{MODELS[0]}.tiny.recipe.lr": 0.5, "study.name": "fast"})
    _tables(folder, right=97, lost=10.0, weights="ef" * 32)
    _git(folder, "add", "-A")
    _git(folder, "commit", "-q", "-m", "after")
    commit = _git(folder, "rev-parse", "HEAD")
    _git(folder, "update-ref", f"refs/exps/ab/{'c' * 38}/fast-rate", commit)
    before = Path.cwd()
    os.chdir(folder)
    yield folder
    os.chdir(before)


def _json(*words: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, ["compare", *words, "--json"], catch_exceptions=False)
    assert done.exit_code == 0
    return json.loads(done.stdout)


def _refusal(*words: str) -> str:
    with pytest.raises(UserError) as caught:
        CliRunner().invoke(app, ["compare", *words], catch_exceptions=False)
    message = str(caught.value)
    assert message.endswith(".") and "\n" not in message
    return message


def test_parameters_by_full_key(root: Path) -> None:
    found = _json("before", "fast-rate")["parameters"]
    assert {each["key"] for each in found} == {"study.name", "tiny.recipe.lr"}
    rate = next(each for each in found if each["key"] == "tiny.recipe.lr")
    assert rate["file"] == f"params/models/{MODELS[0]}.yaml" and rate["new"] == "0.5"


def test_what_moved_is_what_was_moved(root: Path) -> None:
    found = _json("before", "main")
    moved = {
        (each["kind"], each["model"], each["place"]) for each in found["numbers"] if each["moved"]
    }
    assert moved == {
        ("top-1", MODELS[0], ""),
        ("top-1 under noise", MODELS[0], "Figure 3"),
    }
    top1 = next(each for each in found["numbers"] if each["kind"] == "top-1")
    assert top1["n_videos"] == 128 and top1["how"] == "paired by video"
    assert top1["difference"] == pytest.approx(100 * 17 / 128)
    assert top1["low"] < top1["difference"] < top1["high"]
    # 17 videos turned right and none wrong: the clustered test is the more careful one, and holds
    assert 2 * 0.5**17 < top1["p"] < 0.01
    noise = next(each for each in found["numbers"] if each["kind"] == "top-1 under noise")
    assert noise["difference"] == pytest.approx(20)
    # numbers that are the same are not listed
    assert {each["model"] for each in found["numbers"]} == {MODELS[0]}
    assert [each["name"] for each in found["summary"]] == ["top1"]


def test_videos_of_few_sources_move_nothing(root: Path) -> None:
    # the same 17 videos, of 5 of 32 groups: McNemar alone would be sure
    path = root / f"reports/tables/correct/shapes-{MODELS[0]}-0.csv"
    write(path, correct_table(97))
    try:
        found = _json("before")
    finally:
        _git(root, "checkout", "-q", "--", "reports")
    top1 = next(each for each in found["numbers"] if each["kind"] == "top-1")
    assert mcnemar(17, 0) < 0.001 < 0.05 < top1["p"] and not top1["moved"]


def test_training_variance_is_said_where_weights_differ(root: Path) -> None:
    notes = " ".join(_json("before", "main")["notes"])
    assert f"Other weights in both: {MODELS[0]}. Training variance is not in the" in notes


def test_one_revision_is_compared_with_the_workspace(root: Path) -> None:
    found = _json("main")
    assert found["second"] == {"name": "workspace", "commit": ""}
    assert found["parameters"] == found["numbers"] == []
    assert found["notes"] == ["All numbers are the same to the last digit."]


def test_the_terminal_says_it_all(root: Path) -> None:
    done = CliRunner().invoke(app, ["compare", "before", "main"], env={"COLUMNS": "200"})
    assert done.exit_code == 0
    for text in ("tiny.recipe.lr", "0.5", "Moved: top-1", "13.28", "Holm", str(PAGE)):
        assert text in done.stdout, text


def test_the_page_has_both_and_needs_no_other_file(root: Path) -> None:
    CliRunner().invoke(app, ["compare", "before", "fast-rate"], catch_exceptions=False)
    html = (root / PAGE).read_text(encoding="utf-8")
    for text in ("before → fast-rate", "tiny.recipe.lr", "+13.28", "Figure 1"):
        assert text in html, text
    # figure 1 and retention, each with the legend of both
    assert html.count("<svg") == 2
    assert html.count(">before</text>") == html.count(">fast-rate</text>") == 2
    for outside in ("<script", "src=", "@import", "<link"):
        assert outside not in html
    assert f"/{PAGE}" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_names_from_outside_stay_text(root: Path) -> None:
    _git(root, "branch", "-f", "a<b>", "before")
    CliRunner().invoke(app, ["compare", "a<b>", "main"], catch_exceptions=False)
    html = (root / PAGE).read_text(encoding="utf-8")
    assert "a<b>" not in html and "a&lt;b&gt; → main" in html


def test_mistakes_are_sentences(root: Path, tmp_path: Path) -> None:
    assert "no revision 'nosuch'" in _refusal("nosuch") and "fast-rate" in _refusal("nosuch")
    assert "no revision '--all'" in _refusal("--", "--all")
    assert "are the same revision" in _refusal("main", "fast-rate")
    first = _git(root, "rev-list", "--max-parents=0", "main")
    assert "has no tables to compare" in _refusal(first)
    _git(root, "update-ref", f"refs/exps/cd/{'e' * 38}/fast-rate", "before")
    assert "2 experiments called fast-rate" in _refusal("fast-rate")
    _git(root, "update-ref", "-d", f"refs/exps/cd/{'e' * 38}/fast-rate")


def test_a_folder_without_git_is_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert "not in a Git repository" in _refusal("main")


def test_a_difference_of_two_intervals() -> None:
    # as wide as the sides that face it: 3 and 4 give 5
    change, low, high, p = unpaired.difference((10, 7, 14), (20, 17, 23), 1000)
    assert (change, low) == (10, 10 - 5)
    assert high == pytest.approx(10 + np.hypot(3, 3))
    assert p == pytest.approx(2 * (1 - 0.99995568), rel=0.1)
    # an interval that just reaches 0 has p = 0.05, whatever the number of clusters
    for clusters in (4, 16, 1000):
        assert unpaired.difference((0, -3, 4), (5, 2, 9), clusters)[3] == pytest.approx(0.05)
    assert unpaired.difference((1, 0, 2), (1, 0, 2), 16) == (0, 0, 0, 1)
    assert np.isnan(unpaired.difference((1, np.nan, np.nan), (2, 1, 3), 16)[3])


def test_pairs_of_unchanged_estimates_are_rarely_said_to_move() -> None:
    random = np.random.default_rng(0)
    clusters, trials, moved = 16, 400, 0
    for _ in range(trials):
        ends = []
        for _ in range(2):
            sample = random.normal(size=clusters)
            half = 2.131 * sample.std(ddof=1) / clusters**0.5
            ends.append((sample.mean(), sample.mean() - half, sample.mean() + half))
        moved += unpaired.difference(ends[0], ends[1], clusters)[3] < 0.05
    assert moved / trials < 0.06


def test_tables_of_other_videos_are_compared_by_their_intervals(root: Path) -> None:
    path = root / f"reports/tables/correct/shapes-{MODELS[0]}-0.csv"
    table = pd.read_csv(path)
    write(path, table.assign(video=[f"other-{name}" for name in table["video"]]))
    try:
        found = _json("before")
    finally:
        _git(root, "checkout", "-q", "--", "reports")
    top1 = next(each for each in found["numbers"] if each["kind"] == "top-1")
    assert top1["how"] == "from both intervals" and top1["n_videos"] == 0
