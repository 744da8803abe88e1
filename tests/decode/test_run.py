"""Decoding gives the same bytes in one process and in two, and a row for every video."""

import os
import re
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from signal_perception.clips.store import ClipStore
from signal_perception.decode import run, store_writer, table
from signal_perception.decode.catalogue import Catalogue, Video, load_catalogue
from signal_perception.decode.settings import Decode
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.units import finish
from signal_perception.report.page import rows as report_rows
from signal_perception.synthesise import videos
from signal_perception.synthesise.settings import SyntheticSource
from tests.support.damage import DAMAGE, another_process

SETTINGS = Decode(
    short_side=256,
    max_frames=300,
    format="jpeg",
    quality=95,
    chroma="half",
    shard=5,
    on_bad="skip",
    max_bad=0.05,
)


def _written(root: Path, *, train: int = 1) -> Catalogue:
    """A synthetic data set of 12 frames a video: `train` videos of each class, and one for test."""
    videos.write(root, train_per_class=train, test_per_class=1, frames=12, size=32)
    return _catalogue(root)


def _catalogue(root: Path) -> Catalogue:
    source = SyntheticSource(
        kind="synthetic", train_per_class=1, test_per_class=1, frames=12, size=32, fps=12
    )
    return load_catalogue("shapes", source, root)


def _table(shards: list, found: Catalogue) -> pd.DataFrame:
    return table.build([shard.result for shard in shards], found.classes, found.unlisted)


def _decode(found: Catalogue, folder: Path) -> dict[str, bytes]:
    shards = run.plan(found, SETTINGS.shard, folder)
    run.decode_shards(shards, SETTINGS, folder, label="decode")
    verdicts = _table(shards, found)
    assert sorted(verdicts["id"]) == [video.id for video in found.videos]
    assert set(verdicts["verdict"]) == {"ok"}
    stores = run.finish_stores(shards, found.classes, folder)
    assert stores == {"train": folder / "train.zarr", "test": folder / "test.zarr"}
    return {
        str(file.relative_to(folder)): file.read_bytes()
        for file in sorted(folder.rglob("*"))
        if file.is_file()
    }


def test_one_process_and_two_write_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = _written(tmp_path / "raw")
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", "1")
    alone = _decode(found, tmp_path / "one")
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", "2")
    assert _decode(found, tmp_path / "two") == alone
    assert not [name for name in alone if "unfinished" in name]
    store = ClipStore(tmp_path / "one" / "test.zarr")
    assert store.classes == videos.CLASSES
    assert store.frames.tolist() == [12] * 8


@pytest.mark.parametrize("damage", ["a flipped bit", "truncation"])
def test_a_damaged_shard_is_decoded_again(damage: str, tmp_path: Path) -> None:
    found, folder = _written(tmp_path / "raw"), tmp_path / "work"
    shards = run.plan(found, SETTINGS.shard, folder)
    decoded: list[int] = []

    def work(shard: run.Shard, path: Path) -> None:
        decoded.append(shard.number)
        run.decode_shard(shard, path, settings=SETTINGS, folder=folder)

    def decode() -> dict[Path, bytes]:
        decoded.clear()
        finish(shards, work, label="decode")
        run.finish_stores(shards, found.classes, folder)
        another_process()
        return {file: file.read_bytes() for file in folder.rglob("*") if file.is_file()}

    expected = decode()
    assert len(decoded) == len(shards) == 4
    group = folder / "test.zarr/shards/00001"
    damaged = [group / "bytes/c/0", group / "offsets/c/0", group / "zarr.json", shards[3].result]
    for file in damaged:
        DAMAGE[damage](file)
        assert decode() == expected
        assert decoded == [1]
    # what is made of all shards is made by every run
    DAMAGE[damage](folder / "test.zarr/label/c/0")
    assert decode() == expected
    assert decoded == []


def test_missing_videos_count_as_bad_and_unlisted_ones_do_not(tmp_path: Path) -> None:
    root, target = tmp_path / "raw", tmp_path / "table.csv"
    _written(root, train=2)
    files = sorted(root.rglob("*.mp4"))
    gone = next(file for file in files if file.name.startswith("train"))
    gone.rename(root / "loose.mp4")
    found = _catalogue(root)
    assert found.unlisted == ("loose.mp4",)
    shards = run.plan(found, SETTINGS.shard, tmp_path)
    run.decode_shards(shards, SETTINGS, tmp_path, label="decode")
    _table(shards, found).to_csv(target, index=False)
    verdicts = table.read(target)
    assert len(verdicts) == len(files) + 1
    rows = verdicts.set_index("id")
    identity = gone.relative_to(root).as_posix()
    assert rows.loc[identity, "verdict"] == "refused: no such file"
    assert rows.loc[identity, ["codec", "decoder"]].isna().all()
    columns = ["split", "decoded", "seconds", "verdict"]
    assert rows.loc["loose.mp4", columns].tolist() == ["-", 0, 0, "unlisted"]
    fine = [row for row in verdicts.to_dict("records") if row["verdict"] == "ok"]
    assert all(row["seconds"] == round(row["decoded"] / row["fps"], 3) for row in fine)
    assert all(re.fullmatch("[0-9a-f]{64}", row["frames_hash"]) for row in fine)
    # the lists have the refused one too
    splits = [each.split for each in found.videos]
    assert table.listed(verdicts, "train") == splits.count("train")
    assert table.listed(verdicts, "test") == splits.count("test")
    assert len(splits) == len(files)
    # the unlisted one is in neither number
    table.refuse_too_many_bad(verdicts, 1 / len(files), target)
    message = f"1 of {len(files)} videos .* the first is {identity} .refused: no such file"
    with pytest.raises(UserError, match=message):
        table.refuse_too_many_bad(verdicts, 0.9 / len(files), target)
    shown = report_rows.decoding(verdicts)
    assert (shown.total, shown.refused, shown.splits) == (len(files), 1, ("train", "test", "-"))
    assert shown.counts["unlisted"] == (0, 0, 1)
    assert [video["id"] for video in shown.others] == [identity]


def test_a_bad_video_ends_the_run_where_it_must_not_be_skipped(tmp_path: Path) -> None:
    found = _written(tmp_path / "raw")
    found.videos[0].path.unlink()
    strict = SETTINGS.model_copy(update={"on_bad": "fail"})
    shards = run.plan(found, SETTINGS.shard, tmp_path)
    message = f"{found.videos[0].id} was refused: no such file, and decode.on_bad is fail"
    with pytest.raises(UserError, match=message):
        run.decode_shards(shards, strict, tmp_path, label="decode")


def test_a_class_without_a_video_left_is_refused_and_a_class_may_be_called_na(
    tmp_path: Path,
) -> None:
    rows = [("a", "ok"), ("NA", "refused: no such file"), ("b", "ok")]
    known = [(f"{label}/1.mp4", label, "train", verdict) for label, verdict in rows]
    frame = pd.DataFrame(known, columns=["id", "label", "split", "verdict"])
    frame.reindex(columns=list(table.KIND.columns)).to_csv(tmp_path / "table.csv", index=False)
    verdicts = table.read(tmp_path / "table.csv")
    with pytest.raises(UserError, match="No train video of class NA could be decoded"):
        table.refuse_too_many_bad(verdicts, 0.5, tmp_path / "table.csv")


CRASHING = "grows/train_0000.mp4"
_decode_shard, _try = run.decode_shard, run._try


def _decode_shard_or_die(
    shard: run.Shard, path: Path, *, crashing: frozenset[str] = frozenset(), **settings: Any
) -> None:
    if CRASHING in {video.id for video in shard.videos} - crashing:
        os.abort()
    _decode_shard(shard, path, crashing=crashing, **settings)


def _try_or_die(video: Video, **settings: Any) -> None:
    if video.id == CRASHING:
        os.abort()
    _try(video, **settings)


def test_a_video_that_brings_down_the_decoder_is_refused_and_its_shard_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "decode_shard", _decode_shard_or_die)
    monkeypatch.setattr(run, "_try", _try_or_die)
    found = _written(tmp_path / "raw")
    shards = run.plan(found, SETTINGS.shard, tmp_path)
    run.decode_shards(shards, SETTINGS, tmp_path, label="decode")
    verdicts = _table(shards, found).set_index("id")
    columns = ["verdict", "decoded", "decoder"]
    assert verdicts.loc[CRASHING, columns].tolist() == ["refused: the decoder crashes", 0, ""]
    assert set(verdicts["verdict"].drop(CRASHING)) == {"ok"}
    unit = next(each for each in shards if CRASHING in {video.id for video in each.item.videos})
    stored = store_writer.shard_rows(run.store(tmp_path, "train"), unit.item.number)
    others = [video.id for video in unit.item.videos if video.id != CRASHING]
    assert [row.id for row in stored] == others

    # a shard that dies, though none of its videos does, is no one's fault to be hidden
    unit.result.unlink()
    monkeypatch.setattr(run, "_try", _try)
    message = r"ends at shard .* though each of its videos can be decoded alone"
    with pytest.raises(UserError, match=message):
        run.decode_shards(shards, SETTINGS, tmp_path, label="decode")
