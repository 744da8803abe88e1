"""Decoding gives the same bytes in one process and in two, and its table has a row for every video."""

from functools import partial
from pathlib import Path

import pytest
from project import ROOT

from signal_perception import ingest, params, workers
from signal_perception.data import catalog, clip_writer, synthetic
from signal_perception.data.clips import ClipStore


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
