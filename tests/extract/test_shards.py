"""Shards written clip by clip are those that zarr writes, and show damage."""

import itertools
from pathlib import Path

import numpy as np
import pytest
import zarr
from zarr.codecs import Crc32cCodec

from signal_perception.extract import shards

SHAPE = (2, 7, 4, 2, 2, 3)
VALUES = np.random.default_rng(0).normal(size=SHAPE).astype(np.float16)


def _array(folder: Path) -> zarr.Array:
    return zarr.create_array(
        folder,
        shape=SHAPE,
        chunks=(1, 1, *SHAPE[2:]),
        # the last shard of three is not full
        shards=(1, 3, *SHAPE[2:]),
        dtype="float16",
        compressors=[Crc32cCodec()],
        chunk_key_encoding=shards.KEYS,
    )


def _files(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def _written(folder: Path, order: list[tuple[int, int]]) -> Path:
    array = _array(folder)
    shards.prepare(folder, array)
    for number, row in order:
        shards.write(folder, array, number, [row], VALUES[number, row : row + 1])
    return folder


def test_bytes_are_those_of_zarr_in_any_order(tmp_path: Path) -> None:
    reference = _array(tmp_path / "zarr")
    reference[...] = VALUES
    places = list(itertools.product(range(2), range(7)))
    there = _written(tmp_path / "there", places)
    back = _written(tmp_path / "back", places[::-1] + places[:3])
    assert _files(there) == _files(back) == _files(tmp_path / "zarr")


def test_many_rows_at_once_go_to_their_places(tmp_path: Path) -> None:
    array = _array(tmp_path / "a")
    shards.prepare(tmp_path / "a", array)
    for number in range(2):
        rows = [6, 2, 3, 0, 5, 1, 4]
        shards.write(tmp_path / "a", array, number, rows, VALUES[number, rows])
    assert np.array_equal(np.asarray(array[...]), VALUES)


def test_a_flipped_bit_is_an_error(tmp_path: Path) -> None:
    places = list(itertools.product(range(2), range(7)))
    folder = _written(tmp_path / "a", places)
    file = folder / "c.1.0.0.0.0.0"
    content = bytearray(file.read_bytes())
    content[10] ^= 1
    file.write_bytes(content)
    array = zarr.open_array(folder, mode="r")
    assert np.array_equal(np.asarray(array[0]), VALUES[0])
    with pytest.raises(ValueError, match="checksum"):
        array[1, 0]


@pytest.mark.parametrize(
    ("clips", "values", "expected"),
    [
        # ViT-B: 2.4 MB a clip
        (1530, 8 * 14 * 14 * 768, 55),
        # small ones share a file; one larger than a shard has its own
        (128, 8 * 2 * 2 * 48, 128),
        (128, 1 << 27, 1),
    ],
)
def test_shards_are_of_some_hundred_megabytes(clips: int, values: int, expected: int) -> None:
    assert shards.rows(clips, values, "float16") == expected
