"""Damaged videos: each of many seeded mutations of a clip ends in frames or a verdict.

It is the same one twice, and none ends the process.
"""

import json
from collections import Counter
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest

from signal_perception.decode.video import decode
from signal_perception.synthesise import videos
from tests.support.videos import moving, write

REAL = (
    "hmdb51/wave/TrumanShow_wave_f_nm_np1_fr_med_26.avi",
    "ucf101/ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi",
    "kinetics400/using_segway/SOX5yA1l24A.mp4",
    "kinetics_like/flipping_pancake/flipping_a_pancake.mkv",
)
BATCH = 20
# Seconds for a batch, its worker's start included.
LIMIT = 120


def mutated(data: bytes, kind: str, seed: int) -> bytes:
    """A damaged copy.

    kind: "truncated", "flipped" (up to a byte in 500, anywhere or in the first 4 KiB) or "spliced"
        (a piece lost or moved).
    """
    rng = np.random.default_rng(seed)
    low, high = sorted(int(place) for place in rng.integers(1, len(data), 2))
    if kind == "truncated":
        return data[:low]
    if kind == "spliced":
        start = int(rng.integers(0, low)) if rng.random() < 0.5 else low
        return data[:low] + data[start:low] + data[high:]
    content = np.frombuffer(data, np.uint8).copy()
    reach = min(len(data), 4096) if rng.random() < 0.4 else len(data)
    places = rng.integers(0, reach, int(rng.integers(1, max(3, len(data) // 500))))
    content[places] ^= rng.integers(1, 256, len(places), np.uint8)
    return content.tobytes()


def decode_all(paths: list[Path], answers: Path) -> None:
    """What a worker does: a line for each video, flushed before the next is tried."""
    with answers.open("w", encoding="utf-8") as file:
        for path in paths:
            first, second = (decode(path, short_side=64, max_frames=120) for _ in range(2))
            if first.verdict.startswith("refused: "):
                assert first.frames == []
            else:
                assert len(first.frames) > 0
                assert first.verdict in ("ok", "short", "repeated frames")
            same = (first.verdict, first.frames_hash, first.decoder) == (
                second.verdict,
                second.frames_hash,
                second.decoder,
            )
            file.write(
                json.dumps([path.name, first.verdict, first.decoder, len(first.frames), same])
                + "\n"
            )
            file.flush()


def survey(clips: list[Path], folder: Path, count: int) -> list[list]:
    """Answers for `count` mutations of the clips in turn.

    They are decoded by workers that may neither crash nor hang.
    """
    kinds = ("truncated", "flipped", "spliced")
    paths = []
    for seed in range(count):
        clip, kind = clips[seed % len(clips)], kinds[seed // len(clips) % len(kinds)]
        paths.append(folder / f"{seed:03d}-{kind}{clip.suffix}")
        paths[-1].write_bytes(mutated(clip.read_bytes(), kind, seed))
    answers = []
    for start in range(0, count, BATCH):
        batch, file = paths[start : start + BATCH], folder / f"{start}.jsonl"
        worker = get_context("spawn").Process(target=decode_all, args=(batch, file))
        worker.start()
        worker.join(LIMIT)
        hung = worker.is_alive()
        worker.kill()
        worker.join()
        got = (
            [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
            if file.is_file()
            else []
        )
        assert not hung, f"no end within {LIMIT} s after {got[-1:]}"
        assert worker.exitcode == 0, f"the worker ended with {worker.exitcode} after {got[-1:]}"
        answers += got
    assert len(answers) == count
    assert [name for name, *_, same in answers if not same] == []
    for (kind, verdict), number in sorted(
        Counter((a[0][4:].split(".")[0], a[1]) for a in answers).items()
    ):
        print(f"{kind:10} {number:4}  {verdict}")
    print(Counter(answer[2] or "refused" for answer in answers))
    return answers


def made(folder: Path) -> list[Path]:
    """A clip of the synthetic data set (MP4, its index last), and an AVI.

    The AVI has B-frames and a surplus picture.
    """
    videos.write(folder / "made", train_per_class=1, test_per_class=1, frames=24, size=48)
    avi = write(folder / "made.avi", moving(40), "mpeg4", b_frames=1, surplus=True)
    return [next((folder / "made").rglob("*.mp4")), avi]


def test_a_few_mutations_end_in_frames_or_a_verdict(tmp_path):
    answers = survey(made(tmp_path), tmp_path, 12)
    assert {"refused", "short"} <= {answer[1].split(":")[0] for answer in answers}


@pytest.mark.slow
def test_two_hundred_mutations_of_made_clips_end_in_frames_or_a_verdict(tmp_path):
    survey(made(tmp_path), tmp_path, 200)


@pytest.mark.slow
def test_two_hundred_mutations_of_real_clips_end_in_frames_or_a_verdict(shared, tmp_path):
    survey([shared / "data/singles" / clip for clip in REAL], tmp_path, 200)
