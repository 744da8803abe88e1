"""Decoding gives the same bytes in one process and in two, and its table has a row for every video."""

import os
import re
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from project import ROOT

from signal_perception import ingest, params, workers
from signal_perception.data import catalog, clip_writer, synthetic
from signal_perception.data.clips import ClipStore
from signal_perception.errors import UserError
from signal_perception.report import tables


def _decode(found: catalog.Catalog, work: Path) -> dict[str, bytes]:
    settings = params.load(ROOT / "params.yaml").decode
    units = ingest.shards(found, 5)
    workers.run(units, partial(ingest.make, settings=settings, work=work), label="decode", unit="shard")
    table = ingest.verdicts(units, work, found.classes)
    assert sorted(table["id"]) == [video.id for video in found.videos]
    assert set(table["verdict"]) == {"ok"}
    for split in ("train", "test"):
        store = ingest.store(work, split)
        rows = [
            row for unit in units if unit.split == split for row in clip_writer.shard_rows(store, unit.number) or []
        ]
        clip_writer.finish(store, found.classes, rows)
    return {str(file.relative_to(work)): file.read_bytes() for file in sorted(work.rglob("*")) if file.is_file()}


def test_one_process_and_two_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synthetic.write(tmp_path / "raw", train_per_class=1, test_per_class=1, frames=12, size=32)
    found = catalog.load("shapes", tmp_path / "raw", "folder", manifest="split.csv", split=1, test_share=0.0, seed=0)
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", "1")
    alone = _decode(found, tmp_path / "one")
    monkeypatch.setenv("SIGNAL_PERCEPTION_WORKERS", "2")
    assert _decode(found, tmp_path / "two") == alone
    store = ClipStore(tmp_path / "one" / "test.zarr")
    assert store.classes == synthetic.CLASSES
    assert store.frames.tolist() == [12] * 8


def test_missing_videos_count_as_bad_and_unlisted_ones_do_not(tmp_path: Path) -> None:
    root = tmp_path / "raw"
    synthetic.write(root, train_per_class=2, test_per_class=1, frames=12, size=32)
    videos = sorted(root.rglob("*.mp4"))
    gone = next(video for video in videos if video.name.startswith("train"))
    gone.rename(root / "loose.mp4")
    found = catalog.load("shapes", root, "folder", manifest="split.csv", split=1, test_share=0.0, seed=0)
    assert found.unlisted == ("loose.mp4",)
    settings = params.load(ROOT / "params.yaml").decode
    units = ingest.shards(found, 5)
    for unit in units:
        ingest.make(unit, settings=settings, work=tmp_path)
    ingest.verdicts(units, tmp_path, found.classes, found.unlisted).to_csv(tmp_path / "table.csv", index=False)
    table = pd.read_csv(tmp_path / "table.csv")
    assert len(table) == len(videos) + 1
    rows = table.set_index("id")
    identity = gone.relative_to(root).as_posix()
    assert rows.loc[identity, "verdict"] == "refused: no such file"
    assert rows.loc["loose.mp4", ["split", "decoded", "seconds", "verdict"]].tolist() == ["-", 0, 0, "unlisted"]
    fine = [row for row in table.to_dict("records") if row["verdict"] == "ok"]
    assert all(row["seconds"] == round(row["decoded"] / row["fps"], 3) for row in fine)
    assert all(re.fullmatch("[0-9a-f]{64}", row["frames_hash"]) for row in fine)

    ingest.refuse_too_many_bad(table, 1 / len(videos), tmp_path / "table.csv")  # the unlisted one is in neither number
    with pytest.raises(UserError, match=f"1 of {len(videos)} videos .* the first is {identity} .refused: no such file"):
        ingest.refuse_too_many_bad(table, 0.9 / len(videos), tmp_path / "table.csv")
    shown = tables.decoding(table)
    assert (shown.total, shown.refused, shown.splits) == (len(videos), 1, ("train", "test", "-"))
    assert shown.counts["unlisted"] == (0, 0, 1)
    assert [video["id"] for video in shown.others] == [identity]
    strict = settings.model_copy(update={"on_bad": "fail"})
    with pytest.raises(UserError, match=f"{identity} was refused: no such file, and decode.on_bad is fail"):
        for unit in units:
            ingest.make(unit, settings=strict, work=tmp_path)


DEADLY = "grows/train_0000.mp4"
_make, _try = ingest.make, ingest._try


def _make_or_die(shard: ingest.Shard, *, deadly: frozenset[str] = frozenset(), **settings: Any) -> None:
    if DEADLY in {video.id for video in shard.videos} - deadly:
        os.abort()
    _make(shard, deadly=deadly, **settings)


def _try_or_die(video: catalog.Video, **settings: Any) -> None:
    if video.id == DEADLY:
        os.abort()
    _try(video, **settings)


def test_a_video_that_brings_down_the_decoder_is_refused_and_its_shard_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ingest, "make", _make_or_die)
    monkeypatch.setattr(ingest, "_try", _try_or_die)
    root = tmp_path / "raw"
    synthetic.write(root, train_per_class=1, test_per_class=1, frames=12, size=32)
    found = catalog.load("shapes", root, "folder", manifest="split.csv", split=1, test_share=0.0, seed=0)
    settings = params.load(ROOT / "params.yaml").decode
    units = ingest.shards(found, 5)
    ingest.make_all(units, settings=settings, work=tmp_path, label="decode", done=0)
    table = ingest.verdicts(units, tmp_path, found.classes).set_index("id")
    assert table.loc[DEADLY, ["verdict", "decoded", "decoder"]].tolist() == ["refused: the decoder crashes", 0, ""]
    assert set(table["verdict"].drop(DEADLY)) == {"ok"}
    shard = next(unit for unit in units if DEADLY in {video.id for video in unit.videos})
    stored = clip_writer.shard_rows(ingest.store(tmp_path, "train"), shard.number) or []
    assert [row.id for row in stored] == [video.id for video in shard.videos if video.id != DEADLY]

    # a shard that dies, though none of its videos does, is no one's fault to be hidden
    monkeypatch.setattr(ingest, "_try", _try)
    with pytest.raises(UserError, match=r"ends at shard .* though each of its videos can be decoded alone"):
        ingest.make_all(units, settings=settings, work=tmp_path, label="decode", done=0)
