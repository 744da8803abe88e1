"""The clip store: exact where it is lossless, alike for any order of work, read at random."""

import csv
import hashlib
import pickle
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import cast

import numpy as np
import pytest
import xarray
import zarr

from signal_perception.clips.pictures import encoder
from signal_perception.clips.store import ClipStore
from signal_perception.decode import store_writer
from signal_perception.decode.catalogue import Video
from signal_perception.decode.store_writer import shard_rows, write_index, write_shard
from signal_perception.decode.video import Decoded, decode
from signal_perception.pipeline.errors import UserError
from tests.support.clips import make_store

CLASSES = ("a", "b")


def video(
    number: int, frames: int, height: int = 20, width: int = 30
) -> tuple[Video, Decoded[np.ndarray]]:
    """Smooth coloured noise, another for every number."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (frames, height // 10, width // 10, 3), np.uint8)
    return decoded(coarse.repeat(10, axis=1).repeat(10, axis=2), number)


def decoded(pixels: np.ndarray, number: int = 0) -> tuple[Video, Decoded[np.ndarray]]:
    """A decoded video of these frames, uint8 (t h w c), as they are."""
    height, width = pixels.shape[1:3]
    facts = {"codec": "mpeg4", "decoder": "decord", "verdict": "ok", "sha256": ""}
    name = f"{CLASSES[number % 2]}/{number:02d}.avi"
    found = Decoded(
        list(pixels), (height, width), len(pixels), 25.0 + number, width, height, **facts
    )
    return Video(name, Path(name), number % 2, "train", f"g{number // 2}"), found


SHARDS = {0: [video(0, 7), video(3, 1)], 1: [video(1, 12, 30, 20), video(4, 5)], 2: [video(2, 3)]}


def compressed(
    videos: list[tuple[Video, Decoded[np.ndarray]]],
    format: str = "png",
    quality: int = 95,
    chroma: str = "full",
) -> list[tuple[Video, Decoded[bytes]]]:
    encode = encoder(format, quality, chroma)
    answers = []
    for source, found in videos:
        pictures = replace(found, frames=[encode(frame) for frame in found.frames])
        answers.append((source, cast(Decoded[bytes], pictures)))
    return answers


def build(store: Path, order: list[int], format: str = "png") -> Path:
    for shard in order:
        write_shard(store, shard, compressed(SHARDS[shard], format))
    write_index(store, CLASSES, [row for shard in order for row in shard_rows(store, shard)])
    return store


def files(store: Path) -> dict[str, str]:
    found = [path for path in store.rglob("*") if path.is_file()]
    return {
        path.relative_to(store).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in found
    }


def originals() -> list[tuple[Video, Decoded[np.ndarray]]]:
    return sorted(
        (pair for pairs in SHARDS.values() for pair in pairs), key=lambda pair: pair[0].id
    )


def test_png_gives_back_every_frame_and_every_fact(tmp_path):
    store = ClipStore(build(tmp_path / "s.zarr", [0, 1, 2]))
    assert store.classes == CLASSES
    assert store.ids == ["a/00.avi", "a/02.avi", "a/04.avi", "b/01.avi", "b/03.avi"]
    assert len(store) == 5
    for i, (source, found) in enumerate(originals()):
        assert store.ids[i] == source.id
        facts = (store.labels[i], store.groups[i], store.fps[i])
        assert facts == (source.label, source.group, found.fps)
        assert (store.frames[i], *store.sizes[i]) == (len(found.frames), *found.size)
        assert np.array_equal(store.read(i, range(store.frames[i])), found.frames)


def test_random_access_equals_sequential_access(tmp_path):
    store = ClipStore(build(tmp_path / "s.zarr", [0, 1, 2], "jpeg"))
    rng = np.random.default_rng(0)
    frames = [store.read(i, range(store.frames[i])) for i in range(len(store))]
    for i in range(len(store)):
        for _ in range(5):
            indices = rng.integers(0, store.frames[i], 6)
            assert np.array_equal(store.read(i, indices), frames[i][indices])
    assert store.read(0, []).shape == (0, 20, 30, 3)


@pytest.mark.parametrize("format", ["jpeg", "png"])
def test_only_the_frames_asked_for_are_read_and_what_is_damaged_is_named(tmp_path, format):
    store = ClipStore(build(tmp_path / "s.zarr", [0, 1, 2], format))
    video = store.ids.index("b/01.avi")
    frames = store.read(video, range(12))
    file = tmp_path / "s.zarr/shards/00001/bytes/c/0"
    offsets = np.asarray(zarr.open_array(tmp_path / "s.zarr/shards/00001/offsets", mode="r"))
    content = file.read_bytes()
    wanted = (2, 11)
    file.write_bytes(
        b"".join(
            content[start:end] if frame in wanted else bytes(end - start)
            for frame, (start, end) in enumerate(zip(offsets[:-1].tolist(), offsets[1:].tolist()))
        )
    )
    assert np.array_equal(store.read(video, [11, 2, 2]), frames[[11, 2, 2]])
    message = r"Frames of b/01\.avi cannot be read from .*s\.zarr .*damaged; delete it"
    with pytest.raises(UserError, match=message):
        store.read(video, [2, 3])
    # the last frame's end is missing
    file.write_bytes(content[: int(offsets[12]) - 30])
    assert np.array_equal(store.read(video, [10]), frames[[10]])
    with pytest.raises(UserError, match=r"b/01\.avi cannot be read"):
        store.read(video, [11])
    # another video's frames, of another size
    file.write_bytes(content[int(offsets[12]) :])
    with pytest.raises(UserError, match=r"b/01\.avi cannot be read"):
        store.read(video, [0])
    file.unlink()
    with pytest.raises(UserError, match=r"b/01\.avi cannot be read .*No such file"):
        store.read(video, [0])


def test_any_zarr_reader_finds_the_frames_end_to_end(tmp_path):
    build(tmp_path / "s.zarr", [0, 1, 2])
    for shard, videos in SHARDS.items():
        group = zarr.open_group(tmp_path / f"s.zarr/shards/{shard:05d}", mode="r")
        content, offsets = (np.asarray(group[name]) for name in ("bytes", "offsets"))
        expected = [frame for _, found in compressed(videos) for frame in found.frames]
        assert content.tobytes() == b"".join(expected)
        assert np.array_equal(np.diff(offsets), [len(frame) for frame in expected])


def test_colour_is_kept_at_full_or_half_resolution(tmp_path):
    pixels = np.zeros((1, 32, 32, 3), np.uint8)
    # red and blue columns of one pixel: 4:2:0 makes them one purple
    pixels[:, :, ::2, 0] = 200
    pixels[:, :, 1::2, 2] = 200
    errors = {}
    for chroma in ("full", "half"):
        store = tmp_path / chroma.replace(":", "")
        write_shard(store, 0, compressed([decoded(pixels)], "jpeg", 95, chroma))
        write_index(store, CLASSES, shard_rows(store, 0))
        errors[chroma] = np.abs(ClipStore(store).read(0, [0]).astype(int) - pixels).mean()
    assert errors["full"] < 10
    assert errors["half"] > 40


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_bytes_are_the_same_for_every_order_of_shards(tmp_path, order):
    reference = files(build(tmp_path / "a", [0, 1, 2], "jpeg"))
    assert files(build(tmp_path / "b", order, "jpeg")) == reference
    assert len(reference) < 40


def test_a_killed_run_leaves_nothing_and_a_repeated_one_changes_nothing(tmp_path, monkeypatch):
    reference = files(build(tmp_path / "a", [0, 1, 2]))
    store = tmp_path / "b"

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(store_writer, "_write_array", killed)
        with pytest.raises(KeyboardInterrupt):
            write_shard(store, 1, compressed(SHARDS[1]))
    assert not list((store / "shards").iterdir())
    # what a process leaves that has no time to clear away
    (store / "shards/.unfinished-1-00001/bytes").mkdir(parents=True)
    build(store, [0, 1, 2])
    write_shard(store, 1, compressed(SHARDS[1]))
    rows = [row for shard in SHARDS for row in shard_rows(store, shard)]
    write_index(store, CLASSES, reversed(rows))
    assert files(store) == reference
    assert sorted(path.name for path in (store / "shards").iterdir()) == [
        "00000",
        "00001",
        "00002",
        "zarr.json",
    ]


def test_a_shard_may_be_empty_but_a_store_may_not(tmp_path):
    write_shard(tmp_path / "s", 0, [])
    write_shard(tmp_path / "s", 1, compressed(SHARDS[1]))
    assert shard_rows(tmp_path / "s", 0) == []
    write_index(tmp_path / "s", CLASSES, shard_rows(tmp_path / "s", 1))
    assert len(ClipStore(tmp_path / "s")) == 2
    with pytest.raises(UserError, match="No video could be stored"):
        write_index(tmp_path / "t", CLASSES, [])


def test_wrong_use_is_refused(tmp_path):
    with pytest.raises(UserError, match="no finished clip store"):
        ClipStore(tmp_path)
    with pytest.raises(UserError, match="no frame format 'gif'"):
        encoder("gif", 95, "half")
    with pytest.raises(UserError, match="no chroma '4:1:1'"):
        encoder("jpeg", 95, "4:1:1")
    store = ClipStore(build(tmp_path / "t", [0, 1, 2]))
    with pytest.raises(IndexError, match=r"a/00\.avi has 7 frames"):
        store.read(0, [7])
    with pytest.raises(IndexError):
        store.read(0, [-1])
    source, _ = video(0, 1)
    nothing = Decoded[bytes]([], (0, 0), 0, 0.0, 0, 0, "mpeg4", "", "refused: no", "")
    with pytest.raises(ValueError, match="has no frames"):
        write_shard(tmp_path / "s", 0, [(source, nothing)])


def test_nothing_of_the_machine_is_stored_and_other_processes_open_the_store_anew(tmp_path):
    path = build(tmp_path / "s.zarr", [0, 1, 2], "jpeg")
    text = b"".join(file.read_bytes() for file in path.rglob("zarr.json"))
    assert str(tmp_path).encode() not in text
    assert zarr.__version__.encode() not in text
    store = ClipStore(path)
    first = store.read(0, [1])
    sent = pickle.dumps(store)
    assert len(sent) < 1000
    assert np.array_equal(pickle.loads(sent).read(0, [1]), first)


@pytest.mark.slow
def test_random_access_to_real_clips_equals_decoding_them_in_order(shared, tmp_path):
    with (shared / "data/singles/manifest.csv").open() as file:
        paths = sorted(shared / "data/singles" / row["path"] for row in csv.DictReader(file))
    assert len(paths) == 13
    everything = partial(decode, short_side=10_000, max_frames=10_000)
    encode = encoder("png", 95, "full")
    videos = [
        (Video(f"{i:02d}", path, 0, "train", ""), everything(path, convert=encode))
        for i, path in enumerate(paths)
    ]
    write_shard(tmp_path / "s", 0, videos)
    write_index(tmp_path / "s", CLASSES, shard_rows(tmp_path / "s", 0))
    store = ClipStore(tmp_path / "s")
    rng = np.random.default_rng(0)
    for i, path in enumerate(paths):
        frames = everything(path).frames
        assert store.frames[i] == len(frames)
        for place in rng.permutation(len(frames)):
            assert np.array_equal(store.read(i, [place])[0], frames[place]), (path.name, place)
        several = rng.integers(0, len(frames), 32)
        assert np.array_equal(
            store.read(i, several), np.stack([frames[place] for place in several])
        )


def test_xarray_opens_the_index_and_the_shards(tmp_path: Path) -> None:
    store = make_store(tmp_path / "test.zarr", range(5))
    data = xarray.open_zarr(store.path)
    assert list(data.video.values) == store.ids
    assert list(data.label.values) == store.labels.tolist()
    assert data.sizes == {"video": 5, "side": 2}
    tree = xarray.open_datatree(store.path, engine="zarr")
    assert {"/shards/00000", "/shards/00001"} <= set(tree.groups)
    shard = tree["shards/00000"].to_dataset()
    assert shard["offsets"].values[-1] == shard.sizes["byte"]
