"""Parquet files in which damage is noticed wherever it hits."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from signal_perception import parquet
from signal_perception.evaluate import predictions
from signal_perception.pipeline.errors import UserError
from tests.support import predicted
from tests.support.damage import Values, trials

VIDEOS = 40


def _frame() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    parts = []
    for control in ("clip", "static"):
        part = {"control": control, "video": [f"{video:02d}" for video in range(VIDEOS)]}
        numbers = {name: list(rng.normal(size=(VIDEOS, 3)).astype(np.float32)) for name in "ab"}
        part |= {"group": "g", "label": "x", "scores": numbers["a"], "logits": numbers["b"]}
        parts.append(pd.DataFrame(part))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return predicted.write(_frame(), tmp_path_factory.mktemp("p") / "a.parquet", "ab" * 32)


def _read(file: Path) -> Values:
    predictions.require_weights(file, "ab" * 32)
    clip, static = (predictions.read(file, control) for control in ("clip", "static"))
    return {
        "ids": np.array([clip.ids, clip.groups, clip.labels]),
        "scores": np.stack([clip.scores, static.scores]),
        "logits": predictions.logits(file),
    }


@pytest.mark.parametrize("count", [200, pytest.param(2000, marks=pytest.mark.slow)])
def test_damage_anywhere_is_caught(file: Path, count: int) -> None:
    found = trials(file, lambda: _read(file), count)
    assert found["caught"] == count
    print(f"\nparquet: {dict(found)}, silent 0")


def test_every_bit_of_the_footer_counts(file: Path) -> None:
    """Parquet's own checksums know nothing of it, and it says which rows there are."""
    content = file.read_bytes()
    length = int.from_bytes(content[-8:-4], "little") + 8
    rng = np.random.default_rng(0)
    try:
        for place in len(content) - 1 - rng.integers(0, length, 300):
            changed = bytearray(content)
            changed[place] ^= 1 << int(rng.integers(8))
            file.write_bytes(changed)
            with pytest.raises(UserError, match=r"a\.parquet is damaged"):
                predictions.read(file)
    finally:
        file.write_bytes(content)


def test_any_reader_opens_a_file_and_equal_tables_are_equal_bytes(
    file: Path, tmp_path: Path
) -> None:
    assert pd.read_parquet(file).equals(pd.read_parquet(file, engine="pyarrow"))
    assert pd.read_parquet(file)["video"].tolist() == _frame()["video"].tolist()
    assert pq.read_table(file, page_checksum_verification=True).num_rows == 2 * VIDEOS
    again = predicted.write(_frame(), tmp_path / "b.parquet", "ab" * 32)
    assert again.read_bytes() == file.read_bytes()


def test_what_is_kept_in_the_footer_comes_back(file: Path) -> None:
    assert parquet.facts(file)[predictions.WEIGHTS] == "ab" * 32
    assert parquet.is_sealed(file)
    with pytest.raises(UserError, match=r"other weights \(weights_sha256 abababab…\)"):
        predictions.require_weights(file, "cd" * 32)


def test_a_file_without_a_checksum_of_another_kind_or_none_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "a.parquet"
    with pytest.raises(UserError, match=r"File .*a\.parquet is missing: delete it"):
        predictions.read(file)
    _frame().to_parquet(file)
    assert not parquet.is_sealed(file)
    with pytest.raises(UserError, match=r"a\.parquet is damaged, or of an earlier version"):
        predictions.read(file)
    for content in (b"", b"PAR1", b"no table at all"):
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.parquet is damaged, or of an earlier version"):
            predictions.read(file)


def test_columns_and_their_types_are_those_that_are_asked_for(tmp_path: Path) -> None:
    frame = _frame()
    file = predicted.write(frame.drop(columns="logits"), tmp_path / "a.parquet")
    with pytest.raises(UserError, match=r"has no column logits \(it has control, video, group,"):
        predictions.logits(file)
    predicted.write(frame.assign(scores=1), file)
    with pytest.raises(UserError, match=r"Column scores of .* is int64, not list<item: float>"):
        predictions.read(file)
    # kinds of lists and texts are all the same
    for kind in (pa.list_(pa.float32(), 3), pa.large_list(pa.float32())):
        table = pa.Table.from_pandas(frame, preserve_index=False)
        place = table.schema.get_field_index("scores")
        scores = pa.array(frame["scores"].tolist(), kind)
        other = table.set_column(place, pa.field("scores", kind), scores)
        with parquet.writer(file, other.schema) as writer:
            writer.write_table(other)
        assert np.array_equal(
            predictions.read(file).scores, np.stack(frame["scores"].tolist()[:VIDEOS])
        )
