"""What share sends and what never leaves, and what is said when a remote fails."""

import shutil
from pathlib import Path

import pytest
from dvc.repo import Repo
from typer.testing import CliRunner

from signal_perception.commands import repro, share
from signal_perception.commands.app import app
from signal_perception.pipeline import lanes, remotes
from signal_perception.pipeline.errors import UserError
from tests.support import project

_NAMES = ["gestures", "hmdb51", "shapes"]
_STUDY: dict[str, object] = {"study.datasets": [*_NAMES], "study.weights": [*_NAMES]}
_CLIPS = Path("data/clips")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The parameters of a study of three kinds of data sets."""
    for name in ("dvc.yaml", "params.yaml"):
        (tmp_path / name).write_text((project.ROOT / name).read_text("utf-8"), "utf-8")
    (tmp_path / "params").symlink_to(project.ROOT / "params")
    project.change(tmp_path, _STUDY)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[set[Path]]:
    """The outputs that stay here, for each call of share; nothing is sent."""
    calls: list[set[Path]] = []

    def push(private: set[Path]) -> remotes.Moved:
        calls.append(private)
        return remotes.Moved(1, "store (/shared)", ())

    monkeypatch.setattr(remotes, "push", push)
    return calls


@pytest.mark.parametrize(("frames", "stay"), [((), ("gestures", "hmdb51")),
                                              (("gestures",), ("hmdb51",))])  # fmt: skip
def test_frames_of_videos_stay_here_unless_named(
    frames: tuple[str, ...], stay: tuple[str, ...], study: Path, sent: list[set[Path]]
) -> None:
    share.share(frames)
    stores = {_CLIPS / name / f"{split}.zarr" for name in stay for split in ("train", "test")}
    assert sent == [stores]


def test_research_only_frames_are_never_sent(study: Path, sent: list[set[Path]]) -> None:
    with pytest.raises(UserError, match="frames of hmdb51 are never shared: it is for research"):
        share.share(("hmdb51",))
    with pytest.raises(UserError, match="--frames names nowhere; the study has gestures, hmdb51"):
        share.share(("nowhere",))
    assert not sent


def test_plain_dvc_push_sends_no_frames_of_any_data_set() -> None:
    from signal_perception.pipeline.params import read_yaml

    outs = read_yaml(project.ROOT / "dvc.yaml")["stages"]["decode"]["outs"]
    stores = [each for each in outs if next(iter(each)).startswith("data/clips")]
    assert len(stores) == 2
    assert all(next(iter(each.values())) == {"push": False} for each in stores)


def _a_project(folder: Path, url: str) -> None:
    """A folder in which dvc.lock promises a file that a remote is to have."""
    Repo.init(str(folder), no_scm=True).close()
    with Repo(str(folder)) as repo, repo.config.edit() as config:
        config["core"]["remote"] = "store"  # type: ignore[index]
        config["remote"]["store"] = {"url": url}  # type: ignore[index]
    (folder / "dvc.yaml").write_text(
        "stages:\n  one:\n    cmd: echo > tap.bin\n    outs: [tap.bin]\n", encoding="utf-8"
    )
    with Repo(str(folder)) as repo:
        assert repo.reproduce()  # type: ignore[call-arg]


def test_a_remote_that_is_away_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    _a_project(tmp_path, "webdav://127.0.0.1:9/study")
    capfd.readouterr()
    for command in ("share", "fetch"):
        with pytest.raises(UserError) as refused:
            if command == "share":
                remotes.push(set())
            shutil.rmtree(".dvc/cache")
            remotes.pull()
        assert "Remote store (webdav://127.0.0.1:9/study) gave no answer" in str(refused.value)
        assert str(refused.value).endswith(
            f"run signal-perception {command} again: what has arrived stays."
        )
    # DVC's own lines, one for each file, are not printed beside it
    assert "ERROR" not in "".join(capfd.readouterr())


def test_a_missing_part_of_dvc_is_named_with_its_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    _a_project(tmp_path, "gs://bucket/study")
    with pytest.raises(
        UserError, match=r"needs DVC's part for gs, .*: pip install -e '\.\[gs\]'\."
    ):
        remotes.push(set())


def test_missing_data_is_no_change_where_it_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    status = (
        '{"a": [{"changed deps": {"data/clips/x": "deleted"}},'
        ' {"changed outs": {"data/weights/y": "not in cache"}}],'
        ' "b": [{"changed deps": {"data/clips/x": "deleted", "params.yaml": {"sigma": "new"}}}],'
        ' "c": [{"changed outs": {"reports/tables/z.csv": "deleted"}}],'
        ' "d": [{"changed deps": {"data/clips/x": "deleted"}}, "changed command"]}'
    )
    monkeypatch.setattr(lanes.lane, "ask", lambda *_: status)
    assert list(lanes.changed()) == ["a", "b", "c", "d"]
    assert list(lanes.changed(elsewhere=True)) == ["b", "c", "d"]


def test_repro_says_what_no_side_has(study: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stages = repro.dvcfile.stages()
    weights = Path("data/weights/shapes/swin-0.safetensors")
    asked: list[set[Path]] = []

    def pull(paths: set[Path]) -> remotes.Moved:
        asked.append(paths)
        return remotes.Moved(0, "store (/shared)", tuple(paths))

    monkeypatch.setattr(remotes, "pull", pull)
    with pytest.raises(UserError, match="is neither here nor in remote store"):
        repro._bring([stages["noise@shapes-swin-0"], stages["evaluate@shapes-swin-0"]])
    assert weights in asked[0]
    # evaluate writes them
    assert Path("data/predictions/shapes/swin-0.parquet") not in asked[0]


def test_share_and_fetch_are_commands(study: Path, sent: list[set[Path]]) -> None:
    done = CliRunner().invoke(app, ["share", "--frames", "gestures"])
    assert done.exit_code == 0, done.output
    assert "The frames of hmdb51 stay here" in done.output
