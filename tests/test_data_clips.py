"""The clip store: exact where it is lossless, alike for any order of work, and cheap to read at random."""

import hashlib
import pickle
from pathlib import Path

import numpy as np
import pytest
import zarr

from signal_perception.data import clip_writer, clips
from signal_perception.data.catalog import Video
from signal_perception.data.clip_writer import finish, shard_rows, write_shard
from signal_perception.data.clips import ClipStore
from signal_perception.data.decode import Decoded
from signal_perception.errors import UserError

CLASSES = ("a", "b")


def video(number: int, frames: int, height: int = 20, width: int = 30) -> tuple[Video, Decoded]:
    """Smooth coloured noise, another for every number."""
    rng = np.random.default_rng(number)
    coarse = rng.integers(0, 256, (frames, height // 10, width // 10, 3), np.uint8)
    pixels = coarse.repeat(10, axis=1).repeat(10, axis=2)
    name = f"{CLASSES[number % 2]}/{number:02d}.avi"
    facts = {"codec": "mpeg4", "decoder": "decord", "verdict": "ok", "sha256": ""}
    decoded = Decoded(pixels, promised=frames, fps=25.0 + number, width=width, height=height, **facts)
    return Video(name, Path(name), number % 2, "train", f"g{number // 2}"), decoded


SHARDS = {0: [video(0, 7), video(3, 1)], 1: [video(1, 12, 30, 20), video(4, 5)], 2: [video(2, 3)]}


def build(store: Path, order: list[int], format: str = "png") -> Path:
    rows = [row for shard in order for row in write_shard(store, shard, SHARDS[shard], format)]
    finish(store, CLASSES, rows)
    return store


def files(store: Path) -> dict[str, str]:
    found = [path for path in store.rglob("*") if path.is_file()]
    return {path.relative_to(store).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in found}


def originals() -> list[tuple[Video, Decoded]]:
    return sorted((pair for pairs in SHARDS.values() for pair in pairs), key=lambda pair: pair[0].id)


def test_png_gives_back_every_frame_and_every_fact(tmp_path):
    store = ClipStore(build(tmp_path / "s.zarr", [0, 1, 2]))
    assert store.classes == CLASSES
    assert store.ids == ["a/00.avi", "a/02.avi", "a/04.avi", "b/01.avi", "b/03.avi"]
    assert len(store) == 5
    for i, (source, decoded) in enumerate(originals()):
        assert store.ids[i] == source.id
        assert (store.labels[i], store.groups[i], store.fps[i]) == (source.label, source.group, decoded.fps)
        assert (store.frames[i], *store.sizes[i]) == decoded.frames.shape[:3]
        assert np.array_equal(store.read(i, range(store.frames[i])), decoded.frames)


def test_random_access_equals_sequential_access(tmp_path, monkeypatch):
    path = build(tmp_path / "s.zarr", [0, 1, 2], "jpeg")
    rng = np.random.default_rng(0)
    for room in (0, 1 << 27):  # read from disk by ranges, and from memory
        monkeypatch.setattr(clips, "_ROOM", room)
        monkeypatch.setattr(clips, "_GAP", 0)
        store = ClipStore(path)
        whole = [store.read(i, range(store.frames[i])) for i in range(len(store))]
        for i in range(len(store)):
            for _ in range(5):
                indices = rng.integers(0, store.frames[i], 6)
                assert np.array_equal(store.read(i, indices), whole[i][indices])
        assert store.read(0, []).shape == (0, 20, 30, 3)


def test_only_the_frames_asked_for_are_fetched_and_decoded(tmp_path, monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (40, 200, 200, 3), np.uint8)
    source, facts = video(0, 1)
    decoded = Decoded(noise, 40, 25.0, 200, 200, facts.codec, facts.decoder, "ok", "")
    finish(tmp_path / "s", CLASSES, write_shard(tmp_path / "s", 0, [(source, decoded)], "png"))
    monkeypatch.setattr(clips, "_ROOM", 0)
    store = ClipStore(tmp_path / "s")
    opened, fetched = [], []
    real_open, real_read = clips.Image.open, zarr.Array.__getitem__
    monkeypatch.setattr(clips.Image, "open", lambda file: opened.append(1) or real_open(file))

    def read(array: zarr.Array, selection):
        if isinstance(selection, slice) and selection.start is not None:
            fetched.append(selection.stop - selection.start)
        return real_read(array, selection)

    monkeypatch.setattr(zarr.Array, "__getitem__", read)
    assert np.array_equal(store.read(0, [39, 5, 5]), noise[[39, 5, 5]])
    assert len(opened) == 2
    total = (tmp_path / "s/shards/00000/bytes/c/0").stat().st_size
    assert len(fetched) == 2
    assert sum(fetched) < total / 10


def test_jpeg_keeps_colour_at_full_resolution(tmp_path):
    pixels = np.zeros((1, 32, 32, 3), np.uint8)
    pixels[:, :, ::2, 0] = 200  # red and blue columns of one pixel: 4:2:0 would make them one purple
    pixels[:, :, 1::2, 2] = 200
    source, facts = video(0, 1)
    decoded = Decoded(pixels, 1, 25.0, 32, 32, facts.codec, facts.decoder, "ok", "")
    finish(tmp_path / "s", CLASSES, write_shard(tmp_path / "s", 0, [(source, decoded)], "jpeg", 95))
    read = ClipStore(tmp_path / "s").read(0, [0]).astype(int)
    assert np.abs(read - pixels).mean() < 10


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [1, 2, 0]])
def test_bytes_are_the_same_for_every_order_of_shards(tmp_path, order):
    reference = files(build(tmp_path / "a", [0, 1, 2], "jpeg"))
    assert files(build(tmp_path / "b", order, "jpeg")) == reference
    assert len(reference) < 30


def test_a_killed_run_leaves_nothing_and_a_repeated_one_changes_nothing(tmp_path, monkeypatch):
    reference = files(build(tmp_path / "a", [0, 1, 2]))
    store = tmp_path / "b"

    def killed(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(clip_writer, "_write", killed)
        with pytest.raises(KeyboardInterrupt):
            write_shard(store, 1, SHARDS[1], "png")
    assert shard_rows(store, 1) is None
    assert list((store / "shards").iterdir()), "nothing was left behind: there is nothing to clear away"
    build(store, [0, 1, 2])
    write_shard(store, 1, SHARDS[1], "png")
    rows = [row for shard in SHARDS for row in shard_rows(store, shard) or []]
    finish(store, CLASSES, reversed(rows))
    assert files(store) == reference


def test_a_shard_may_be_empty_but_a_store_may_not(tmp_path):
    rows = write_shard(tmp_path / "s", 0, [], "png") + write_shard(tmp_path / "s", 1, SHARDS[1], "png")
    assert shard_rows(tmp_path / "s", 0) == []
    finish(tmp_path / "s", CLASSES, rows)
    assert len(ClipStore(tmp_path / "s")) == 2
    with pytest.raises(UserError, match="no video could be stored"):
        finish(tmp_path / "t", CLASSES, [])


def test_wrong_use_is_refused(tmp_path):
    with pytest.raises(UserError, match="no finished clip store"):
        ClipStore(tmp_path)
    with pytest.raises(UserError, match="no frame format 'gif'"):
        write_shard(tmp_path / "s", 0, SHARDS[0], "gif")
    store = ClipStore(build(tmp_path / "t", [0, 1, 2]))
    with pytest.raises(IndexError, match=r"a/00\.avi has 7 frames"):
        store.read(0, [7])
    with pytest.raises(IndexError):
        store.read(0, [-1])
    source, facts = video(0, 1)
    nothing = Decoded(np.zeros((0, 0, 0, 3), np.uint8), 0, 0.0, 0, 0, facts.codec, "", "refused: no", "")
    with pytest.raises(ValueError, match="has no frames"):
        write_shard(tmp_path / "s", 0, [(source, nothing)], "png")


def test_nothing_of_the_machine_is_stored_and_other_processes_open_the_store_anew(tmp_path):
    path = build(tmp_path / "s.zarr", [0, 1, 2], "jpeg")
    text = b"".join(file.read_bytes() for file in path.rglob("zarr.json"))
    assert str(tmp_path).encode() not in text
    assert zarr.__version__.encode() not in text
    assert b"consolidated_metadata" not in text
    store = ClipStore(path)
    first = store.read(0, [1])
    sent = pickle.dumps(store)
    assert len(sent) < 1000
    assert np.array_equal(pickle.loads(sent).read(0, [1]), first)
