"""Stores in which damage is noticed, whichever file it hits and whoever reads."""

import json
import pickle
from dataclasses import replace
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
import xarray
import zarr
from zarr.core.buffer import default_buffer_prototype
from zarr.storage import MemoryStore

from signal_perception.clips.store import ClipStore
from signal_perception.decode.store_writer import shard_rows
from signal_perception.extract import store_writer
from signal_perception.extract.store import BINS, ActivationStore
from signal_perception.pipeline.errors import UserError
from signal_perception.stores import checked, open_checked
from tests.support import activations
from tests.support.clips import make_store
from tests.support.damage import Values, damaged, files_of, missing, same, trials

SHARD = "activations/00.mlp/activation/c.1.0.0.0.0.0"


def _clips(path: Path) -> Values:
    """Everything that a clip store says, frames included."""
    clips = ClipStore(path)
    found = {"classes": np.array(clips.classes), "ids": np.array(clips.ids)}
    found |= {"groups": np.array(clips.groups), "labels": clips.labels, "sizes": clips.sizes}
    found |= {"count": clips.frames, "fps": clips.fps}
    frames = {str(video): clips.read(video, range(8)) for video in range(len(clips))}
    return found | frames


def _activations(path: Path) -> Values:
    """Everything that an activation store says."""
    opened = ActivationStore(path)
    found = {"facts": np.array(repr((opened.facts, opened.taps())))}
    for tap in opened.taps():
        array = opened.activation(tap.tap)
        found[tap.tap] = np.asarray(array[...])
        found[f"{tap.tap} one"] = np.asarray(array[1, 0])
        found |= {f"{tap.tap} {name}": values for name, values in opened.means(tap.tap).items()}
    return found


def _tree(path: Path) -> Values:
    """The same as xarray has it, with all coordinates."""
    tree = xarray.open_datatree(open_checked(path).store, engine="zarr")  # type: ignore[arg-type]
    return {
        f"{node.path} {name}": np.asarray(values)
        for node in tree.subtree
        for name, values in node.variables.items()
    }


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_store(tmp_path_factory.mktemp("clips") / "test.zarr", range(5), frames=8).path


@pytest.fixture(scope="module")
def taps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return activations.make(tmp_path_factory.mktemp("taps") / "a.zarr")


def _is_read(place: Path, file: Path) -> bool:
    """Whether a file matters: metadata below the root are read from the root's copy."""
    return file.name != "zarr.json" or file.parent == place


@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_damage_to_any_file_of_a_clip_store_is_caught_or_harmless(clips: Path, count: int) -> None:
    found = trials(clips, lambda: _clips(clips), count)
    assert found["caught"] > count / 4
    print(f"\nclip store: {dict(found)}, silent 0")


@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_damage_to_any_chunk_of_an_activation_store_is_caught(taps: Path, count: int) -> None:
    # coordinates are xarray's
    read = [taps / "zarr.json"]
    read += [file for name in ("activation", *BINS, "dead") for file in taps.rglob(f"{name}/c*")]
    found = trials(taps, lambda: _activations(taps), count, files=read)
    assert found["caught"] > 0.9 * count
    print(f"\nactivation store: {dict(found)}, silent 0")


@pytest.mark.parametrize("count", [24, pytest.param(2000, marks=pytest.mark.slow)])
def test_damage_to_any_file_is_caught_or_harmless_under_xarray(taps: Path, count: int) -> None:
    found = trials(taps, lambda: _tree(taps), count, seed=1)
    assert found["caught"] > count / 4
    print(f"\nactivation store under xarray: {dict(found)}, silent 0")


def test_a_missing_file_is_named_and_never_read_as_zeros(clips: Path, taps: Path) -> None:
    for place, read in ((clips, _clips), (taps, _tree)):
        right = read(place)
        for file in missing(place):
            if not _is_read(place, file):
                continue
            with pytest.raises(UserError) as refused:
                read(place)
            named = place if file.parent == place else file
            assert str(named) in str(refused.value)
        assert same(read(place), right)


def test_metadata_below_the_root_are_those_of_the_root(taps: Path) -> None:
    file = taps / "means/00.mlp/zarr.json"
    content = file.read_text()
    file.write_text(content.replace('"epsilon_temporal": 1e-06', '"epsilon_temporal": 2e-06'))
    assert file.read_text() != content
    try:
        assert ActivationStore(taps).taps() == activations.TAPS
        group = zarr.open_group(checked(taps), path="means/00.mlp", mode="r")
        assert group.attrs["epsilon_temporal"] == 1e-6
        data = xarray.open_zarr(checked(taps), group="means/00.mlp")
        assert data.attrs["epsilon_temporal"] == 1e-6
    finally:
        file.write_text(content)


def test_a_clip_that_the_index_of_its_shard_lacks_is_an_error(taps: Path) -> None:
    file = taps / SHARD
    content = file.read_bytes()
    index = bytearray(content[-36:-4])
    index[16:] = b"\xff" * 16
    # an intact index, by its checksum
    file.write_bytes(
        content[:-36] + index + google_crc32c.value(bytes(index)).to_bytes(4, "little")
    )
    try:
        array = ActivationStore(taps).activation("00.mlp")
        for part in (0, 1, slice(None)):
            with pytest.raises(
                UserError, match=r"c\.1\.0.* is damaged \(a chunk is missing in it\)"
            ):
                array[1, part]
        assert np.array_equal(np.asarray(array[0]), activations.ACTIVATIONS["00.mlp"][0])
    finally:
        file.write_bytes(content)


def test_the_sentence_names_the_file_and_says_what_to_do(taps: Path) -> None:
    cut = damaged(taps / SHARD, np.random.default_rng(3), cut=True)
    with cut, pytest.raises(UserError) as refused:
        ActivationStore(taps).activation("00.mlp")[...]
    assert str(refused.value) == (
        f"File {taps / SHARD} is damaged (its checksum is another): delete its store and restore "
        "it (dvc checkout, or dvc pull where the cache lacks it), or run the stage that writes it "
        "again."
    )


def test_plain_zarr_and_xarray_notice_damage_in_chunks(taps: Path) -> None:
    for file in files_of(taps):
        if file.name == "zarr.json":
            continue
        flipped = damaged(file, np.random.default_rng(0))
        with flipped, pytest.raises(ValueError, match="checksum"):
            zarr.open_array(file.parent, mode="r")[...]


def test_a_store_that_lies_elsewhere_is_checked_likewise(taps: Path) -> None:
    buffer = default_buffer_prototype().buffer
    there = {
        file.relative_to(taps).as_posix(): buffer.from_bytes(file.read_bytes())
        for file in files_of(taps)
    }
    elsewhere = ActivationStore(MemoryStore(there, read_only=True))
    values = activations.ACTIVATIONS["00.mlp"]
    assert np.array_equal(np.asarray(elsewhere.activation("00.mlp")[...]), values)
    del there[SHARD]
    with pytest.raises(UserError, match=rf"File {SHARD} of memory://.* is missing"):
        elsewhere.activation("00.mlp")[...]
    del there["zarr.json"]
    with pytest.raises(UserError, match="no finished store at memory://"):
        ActivationStore(MemoryStore(there, read_only=True))


def test_a_store_that_was_not_finished_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no finished store at .*a\.zarr: make it"):
        open_checked(tmp_path / "a.zarr")
    zarr.create_group(tmp_path / "a.zarr", attributes={"inputs": []})
    with pytest.raises(UserError, match=r"a\.zarr/zarr\.json has no checksum"):
        open_checked(tmp_path / "a.zarr")
    (tmp_path / "a.zarr/zarr.json").write_text("[" * 100_000)
    with pytest.raises(UserError, match=r"zarr\.json is damaged \(it is no whole zarr\.json\)"):
        open_checked(tmp_path / "a.zarr")


def test_what_a_shard_of_clips_says_of_its_videos_is_checked(clips: Path) -> None:
    file = clips / "shards/00001/zarr.json"
    rows = shard_rows(clips, 1)
    assert [row.id for row in rows] == ["01.mp4", "03.mp4"]
    content = file.read_text()
    file.write_text(content.replace('"label": 1', '"label": 2'))
    try:
        with pytest.raises(UserError, match=r"00001/zarr\.json is damaged"):
            shard_rows(clips, 1)
    finally:
        file.write_text(content)


def test_a_store_of_other_weights_is_refused(tmp_path: Path) -> None:
    facts = replace(activations.FACTS, weights="shapes-start/swin-0", activations=None)
    store_writer.create(tmp_path / "a.zarr", facts, activations.TAPS)
    for tap in activations.TAPS:
        store_writer.write_means(tmp_path / "a.zarr", facts, tap, activations.MEANS[tap.tap])
    store_writer.finish(tmp_path / "a.zarr", facts, activations.TAPS)
    found = ActivationStore(tmp_path / "a.zarr")
    found.require_weights("shapes-start/swin-0")
    with pytest.raises(UserError, match="has activations of the weights shapes-start/swin-0, not"):
        found.require_weights("shapes/swin-0")


def test_the_checksum_is_of_what_is_said_and_not_of_the_layout(taps: Path) -> None:
    file = taps / "zarr.json"
    content = file.read_bytes()
    file.write_text(json.dumps(json.loads(content), sort_keys=True))
    try:
        assert ActivationStore(taps).facts == activations.FACTS
    finally:
        file.write_bytes(content)


def test_another_process_gets_a_checked_store_too(taps: Path) -> None:
    sent = pickle.loads(pickle.dumps(open_checked(taps).store))
    array = zarr.open_array(sent, path="activations/00.mlp/activation", mode="r")
    assert np.array_equal(np.asarray(array[...]), activations.ACTIVATIONS["00.mlp"])
    with damaged(taps / SHARD, np.random.default_rng(0)), pytest.raises(UserError):
        array[1]
    with pytest.raises(ValueError, match=r"read.?only"):
        array[0] = 0
