"""The stage decode at work: what is odd about the data set is the last that it says."""

import csv
import sys
from pathlib import Path

from signal_perception.synthesise import videos
from tests.support import project


def test_a_source_in_both_splits_is_said_aloud_and_stops_nothing(tmp_path: Path) -> None:
    names: dict[str, object] = {"study.datasets": ["gestures"], "study.weights": ["gestures"]}
    folder = project.copy(tmp_path / "project", names)
    raw = folder / "data/raw/gestures"
    videos.write(raw, train_per_class=1, test_per_class=1, frames=12, size=32)
    with (raw / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file)
        lines.writerow(["path", "label", "split", "subject"])
        for path in sorted(raw.rglob("*.mp4")):
            video, split = path.relative_to(raw), path.name.partition("_")[0]
            lines.writerow([video, video.parts[0], split, "S1" if "grows" in str(video) else video])
    (folder / "data/clips").mkdir(parents=True, exist_ok=True)
    done = project.run(
        folder, "env", "PYTHONPATH=src", sys.executable, "stages/decode.py", "gestures"
    )
    assert done.returncode == 0, done.stderr
    said = "decode gestures: 1 source of gestures has videos in the training and in the test split"
    assert done.stderr.splitlines()[-1].startswith(f"{said} (S1), 1 of 8 test videos")
    assert (folder / "data/clips/gestures/test.zarr").is_dir()
