"""`signal-perception init`: what it sees in a folder, and what it writes."""

import io
import os
import shutil
from pathlib import Path

import pytest

from signal_perception.commands.init import Options, init
from signal_perception.commands.look import look
from signal_perception.commands.use import use
from signal_perception.decode.catalogue import load_catalogue
from signal_perception.pipeline import params
from signal_perception.pipeline.errors import UserError
from tests.support.study import default_study
from tests.support.videos import moving, write

YES = Options(yes=True)


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("video") / "a.mp4", moving(12), "mpeg4")


@pytest.fixture
def study(tmp_path: Path) -> Path:
    root = tmp_path / "study"
    root.mkdir()
    return default_study(root)


def _folder(root: Path, video: Path, *names: str) -> Path:
    """Videos of these names, each with a content of its own."""
    for number, name in enumerate(names):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        # what follows the container's end is no part of the video
        path.write_bytes(video.read_bytes() + bytes([number + 1]) * (number + 1))
    return root


def test_class_folders_become_a_data_set_and_a_study(
    tmp_path: Path, study: Path, video: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [f"{label}/{n}.mp4" for label in ("push", "pull") for n in range(4)]
    folder = _folder(tmp_path / "videos", video, *names)
    before = (study / "params.yaml").read_text()
    init(folder, "fights", YES, study)
    said = capsys.readouterr().out
    assert "2 classes, 6 training and 2 test videos" in said
    assert "Frames of a video: 12 to 12" in said
    assert (study / "data/raw/fights").resolve() == folder.resolve()
    # every line that was there is there still, in order
    after = (study / "params.yaml").read_text()
    rest = iter(after.splitlines())
    assert all(line in rest for line in before.splitlines())
    settings = params.load(study)
    assert settings.datasets["fights"].flip is True
    assert settings.study.name == "default"
    use(study / "presets/fights.yaml", study)
    now = params.load(study)
    assert now.study.datasets == ("fights",) and now.study.name == "fights"
    source = now.datasets["fights"].source
    catalogue = load_catalogue("fights", source, study / "data/raw/fights")
    assert len(catalogue.videos) == 8
    use(study / "presets/default.yaml", study)
    assert params.load(study).study == settings.study


def test_train_and_test_folders_are_the_split(tmp_path: Path, study: Path, video: Path) -> None:
    names = [f"{s}/{c}/{n}.mp4" for s in ("train", "test", "val") for c in "ab" for n in range(2)]
    folder = _folder(tmp_path / "videos", video, *names)
    init(folder, "fights", YES, study)
    source = params.load(study).datasets["fights"].source
    catalogue = load_catalogue("fights", source, study / "data/raw/fights")
    assert catalogue.classes == ("a", "b")
    assert {each.id.split("/")[0] for each in catalogue.split("train")} == {"train"}
    assert {each.id.split("/")[0] for each in catalogue.split("test")} == {"test"}
    assert len(catalogue.videos) == 8


def test_val_is_the_test_split_where_no_other_is(tmp_path: Path, video: Path) -> None:
    names = [f"{split}/{label}/1.mp4" for split in ("Train", "val") for label in "ab"]
    found = look("set", _folder(tmp_path, video, *names))
    assert found.numbers == {"a": (1, 1), "b": (1, 1)}


def test_classes_called_train_and_test_stay_classes(tmp_path: Path, video: Path) -> None:
    names = [f"{label}/{n}.mp4" for label in ("train", "test", "bus") for n in range(2)]
    assert look("set", _folder(tmp_path, video, *names)).catalogue.classes == (
        "bus",
        "test",
        "train",
    )


def test_oddities_are_said(tmp_path: Path, video: Path) -> None:
    folder = _folder(
        tmp_path,
        video,
        *(f"{part}/{label}/{part}1.mp4" for part in ("train", "test") for label in ("left", "Run")),
        *(
            f"{part}/{label}/{part}2.mp4"
            for part in ("train", "test")
            for label in ("right", "run")
        ),
    )
    shutil.copy(folder / "train/left/train1.mp4", folder / "test/left/again.mp4")
    (folder / "train/left/broken.mp4").write_bytes(b"no video")
    (folder / "notes.txt").write_text("x")
    found = look("set", folder)
    said = "\n".join(found.odd)
    assert "Classes Run and run differ by case alone" in said
    assert "left and right" in said and found.flip is False
    assert "train/left/train1.mp4 (train) and test/left/again.mp4 (test) are the same file" in said
    assert "train/left/broken.mp4" in said
    assert "1 × .txt" in said
    assert "4 of 4 classes have fewer than 10 training videos" in said


def test_sources_in_both_splits_are_said(tmp_path: Path, video: Path) -> None:
    folder = _folder(tmp_path, video, "a/1.mp4", "a/2.mp4", "b/1.mp4", "b/2.mp4")
    lines = ["path,label,split,group", "a/1.mp4,a,train,S1", "a/2.mp4,a,test,S1"]
    lines += ["b/1.mp4,b,train,S2", "b/2.mp4,b,test,S3"]
    (folder / "manifest.csv").write_text("\n".join(lines))
    assert any(
        "1 sources have videos in both splits (S1)" in each for each in look("x", folder).odd
    )


def test_file_names_that_look_like_subjects_are_said(tmp_path: Path, video: Path) -> None:
    names = [f"{label}/S{n}_{label}.mp4" for label in ("a", "b") for n in (1, 2, 3)]
    assert any("S1, S2, S3" in each for each in look("x", _folder(tmp_path, video, *names)).odd)


def test_links_are_taken_on_request_alone(tmp_path: Path, study: Path, video: Path) -> None:
    real = _folder(tmp_path / "real", video, *(f"{c}/{n}.mp4" for c in "ab" for n in range(3)))
    folder = tmp_path / "links"
    folder.mkdir()
    (folder / "a").symlink_to(real / "a")
    (folder / "b").mkdir()
    for n in range(3):
        (folder / "b" / f"{n}.mp4").symlink_to(real / "b" / f"{n}.mp4")
    with pytest.raises(UserError, match=r"4 of the files or folders .* are links .*--links"):
        init(folder, "fights", YES, study)
    init(folder, "fights", Options(links=True, yes=True), study)
    place = study / "data/raw/fights"
    assert not place.is_symlink() and not (place / "b/0.mp4").is_symlink()
    source = params.load(study).datasets["fights"].source
    assert len(load_catalogue("fights", source, place).videos) == 6


def test_a_class_with_one_video_is_refused(tmp_path: Path, study: Path, video: Path) -> None:
    folder = _folder(tmp_path / "videos", video, "a/1.mp4", "b/1.mp4", "b/2.mp4")
    before = (study / "params.yaml").read_text()
    with pytest.raises(UserError, match=r"a/1.mp4 is the only video of class a"):
        init(folder, "fights", YES, study)
    assert (study / "params.yaml").read_text() == before
    assert not (study / "presets/fights.yaml").exists()
    assert list((study / "data/raw").iterdir()) == []


def test_a_pipe_is_refused(tmp_path: Path, video: Path) -> None:
    folder = _folder(tmp_path, video, "a/1.mp4", "a/2.mp4")
    os.mkfifo(folder / "a/3.mp4")
    with pytest.raises(UserError, match="pipe"):
        look("x", folder)


@pytest.mark.parametrize("name", ["hmdb51", "-x", "a/b", "", "a b", "poster", "x-start"])
def test_names_that_cannot_be_are_refused(
    name: str, tmp_path: Path, study: Path, video: Path
) -> None:
    folder = _folder(tmp_path / "videos", video, "a/1.mp4", "a/2.mp4")
    before = (study / "params.yaml").read_text()
    with pytest.raises(UserError, match="choose another"):
        init(folder, name, YES, study)
    assert (study / "params.yaml").read_text() == before


def test_nothing_is_written_unless_asked(
    tmp_path: Path, study: Path, video: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = _folder(tmp_path / "videos", video, "a/1.mp4", "a/2.mp4", "b/1.mp4", "b/2.mp4")
    before = (study / "params.yaml").read_text()
    init(folder, "fights", Options(dry=True), study)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(UserError, match="--yes"):
        init(folder, "fights", Options(), study)
    assert (study / "params.yaml").read_text() == before
    assert not (study / "data/raw/fights").exists()
