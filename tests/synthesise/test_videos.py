"""The synthetic set: its classes differ in the order of frames alone; its bytes never change."""

import colorsys
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import binom

from signal_perception.decode.video import decode
from signal_perception.pipeline.errors import UserError
from signal_perception.seeding import generator
from signal_perception.synthesise import videos
from signal_perception.synthesise.scenes import random_scene

OPPOSITES = [
    ("moves_left", "moves_right"),
    ("moves_up", "moves_down"),
    ("turns_clockwise", "turns_anticlockwise"),
    ("grows", "shrinks"),
]


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("shapes")
    videos.write(root, train_per_class=16, test_per_class=12, frames=24, size=32, fps=12, seed=3)
    return root


def hashes(root: Path) -> dict[str, str]:
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def test_the_eight_videos_of_a_scene_are_the_same_pictures_in_eight_orders():
    rendered = [videos.render(label, 1, "train", frames=12, size=32) for label in videos.CLASSES]
    pictures = [sorted(frame.tobytes() for frame in video) for video in rendered]
    assert len(set(pictures[0])) == 12, "a scene whose frames are all alike would prove nothing"
    assert all(other == pictures[0] for other in pictures)
    assert len({video.tobytes() for video in rendered}) == 8


@pytest.mark.parametrize(("one", "other"), OPPOSITES)
def test_opposites_are_each_other_backwards(one, other):
    assert np.array_equal(
        videos.render(one, 0, "test", size=32), videos.render(other, 0, "test", size=32)[::-1]
    )


def test_the_class_gives_one_freedom_a_trend_and_no_other():
    strength = videos.Strength()
    for index in range(20):
        values = videos.poses(index, "train", frames=24, seed=0, strength=strength)
        for freedom in values:
            order = np.argsort(values[freedom])
            assert np.all(np.diff(values[freedom][order]) > 0)
            trends = [
                np.corrcoef(np.arange(24), np.argsort(np.argsort(values[other][order])))[0, 1]
                for other in values
            ]
            assert sorted(np.abs(trends))[-2] < 0.25


def test_every_freedom_visits_all_of_its_range_evenly_in_every_scene():
    """Marginal distributions: values are dense in the range; a scene serves all classes."""
    for split in ("train", "test"):
        for index in range(10):
            values = videos.poses(
                index, split, frames=24, seed=1, strength=videos.Strength(travel=2.0, tilt=0.0)
            )
            for name in ("x", "y"):
                inside = values[name] - values[name].mean()
                span = np.ptp(inside)
                # 0.8 to 1 of the travel
                assert 1.4 < span < 2.0
                assert np.diff(np.sort(inside)).max() < 2 * 2.0 / 24
            assert np.ptp(np.log(values["size"])) == pytest.approx(0.9 * np.log(2.2), rel=0.2)


def test_frame_averages_of_encoded_clips_leave_a_linear_classifier_at_chance(written):
    clips = {split: load(written, split) for split in ("train", "test")}
    average = {split: clip.mean(axis=1) for split, (clip, _) in clips.items()}
    right = linear_hits(average["train"], clips["train"][1], average["test"], clips["test"][1])
    low, high = binom.interval(0.999, 96, 1 / 8)
    assert low <= right <= high

    # the same classifier on frames weighted by their time is far above: the order is what tells the
    # classes apart
    time = np.linspace(-1, 1, 24).reshape(1, -1, 1, 1, 1)
    ordered = {split: (clip * time).mean(axis=1) for split, (clip, _) in clips.items()}
    right = linear_hits(ordered["train"], clips["train"][1], ordered["test"], clips["test"][1])
    assert right > 2 * high


def load(root: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    rows = [line.split(",") for line in (root / "split.csv").read_text().splitlines()[1:]]
    rows = [row for row in rows if row[2] == split]
    decoded = [decode(root / row[0], short_side=32, max_frames=24).frames for row in rows]
    labels = np.array([videos.CLASSES.index(row[1]) for row in rows])
    return np.array(decoded, np.float64) / 255, labels


def linear_hits(
    x: np.ndarray, y: np.ndarray, x_test: np.ndarray, y_test: np.ndarray, ridge: float = 1.0
) -> int:
    """Test videos that a ridge classifier on all pixels (in its dual form) gets right."""
    x, x_test = x.reshape(len(x), -1), x_test.reshape(len(x_test), -1)
    centre = x.mean(axis=0)
    kernel, cross = (x - centre) @ (x - centre).T, (x_test - centre) @ (x - centre).T
    scores = cross @ np.linalg.solve(kernel + ridge * np.eye(len(x)), np.eye(8)[y] - 1 / 8)
    return int((scores.argmax(axis=1) == y_test).sum())


def test_backgrounds_of_the_test_split_come_from_the_sectors_between_those_of_training(written):
    lists = (written / "split.csv").read_text().splitlines()
    groups = {
        part: {line.split(",")[3] for line in lists if f",{part}," in line}
        for part in ("train", "test")
    }
    assert len(groups["train"]) == 16
    assert len(groups["test"]) == 12
    assert not groups["train"] & groups["test"]
    for place, split in enumerate(("train", "test")):
        for index in range(30):
            scene = random_scene(generator(0, split, index), 16, videos._HUES[split])
            tone = scene.background.mean(axis=(0, 1))
            assert int(hue(tone) * 16) % 2 == place


def hue(colour: np.ndarray) -> float:
    return colorsys.rgb_to_hsv(*colour)[0]


def test_the_list_of_videos_is_complete_and_true(written):
    lines = (written / "split.csv").read_text().splitlines()
    assert lines[0] == "path,label,split,group"
    assert len(lines) == 1 + 8 * 28
    for line in lines[1:]:
        path, label, split, group = line.split(",")
        assert (written / path).is_file()
        assert path == f"{label}/{group}.mp4"
        assert group.startswith(split)
    decoded = decode(written / "grows/train_0000.mp4", short_side=64, max_frames=99)
    assert (decoded.verdict, decoded.codec, decoded.fps) == ("ok", "h264", 12)
    expected = videos.render("grows", 0, "train", frames=24, size=32, seed=3)
    assert np.shape(decoded.frames) == expected.shape
    # H.264 keeps half the colour resolution
    assert np.abs(np.asarray(decoded.frames, float) - expected).mean() < 6


def test_bytes_depend_on_the_seed_alone(tmp_path):
    """Two processes whose memory is filled differently must agree.

    x264's default lookahead reads uninitialised memory.
    """
    code = (
        "import sys; from pathlib import Path; from signal_perception.synthesise import videos;"
        "root, seed = Path(sys.argv[1]), int(sys.argv[2]);"
        "videos.write(root, train_per_class=3, test_per_class=1, seed=seed)"
    )
    for name, filling, seed in (("a", "1", "0"), ("b", "85", "0"), ("c", "1", "1")):
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / name), seed],
            env={**os.environ, "MALLOC_PERTURB_": filling},
            check=True,
            capture_output=True,
        )
    assert hashes(tmp_path / "a") == hashes(tmp_path / "b")
    one, other = hashes(tmp_path / "a"), hashes(tmp_path / "c")
    assert one.keys() == other.keys()
    assert all(one[name] != other[name] for name in one if name.endswith(".mp4"))


def test_impossible_requests_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"no class 'waves'.*moves_left"):
        videos.render("waves", 0, "train")
    with pytest.raises(UserError, match=r"no split 'val'.*train, test"):
        videos.render("grows", 0, "val")
    with pytest.raises(UserError, match="at least 8"):
        videos.render("grows", 0, "train", frames=4)
    with pytest.raises(UserError, match="even size"):
        videos.write(tmp_path, size=33)
