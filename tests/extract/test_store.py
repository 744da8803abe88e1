"""The activation store gives back what was written, with the same bytes in any order of shards."""

from pathlib import Path

import numpy as np

from signal_perception.extract import store
from signal_perception.extract.store import ActivationStore, StoreFacts, TapFacts

TAPS = [
    TapFacts("input", "input", -1, "stream", 1.0, 0),
    TapFacts("00.mlp", "mlp", 0, "stream", 2.0, 1),
]
FACTS = StoreFacts(
    ids=["a", "b", "c", "d", "e"],
    groups=["g", "g", "h", "i", "j"],
    clips=1,
    seconds_per_frame=0.1,
    weights_sha256="0",
)


def _store(path: Path, values: np.ndarray, order: list[int], dtype: str = "float16") -> Path:
    shapes = [(tap, values.shape[1:]) for tap in TAPS]
    store.create(path, ["clip", "static"], shapes, shard=2, dtype=dtype, facts=FACTS)
    for name in ("clip", "static"):
        for start in order:
            part = {tap.tap: values[start : start + 2].astype(dtype) for tap in TAPS}
            store.write(path, name, start, part)
    return path


def _bytes(path: Path) -> dict[str, bytes]:
    return {
        str(file.relative_to(path)): file.read_bytes() for file in path.rglob("*") if file.is_file()
    }


def test_what_was_written_comes_back_in_any_order_with_the_same_bytes(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(5, 8, 2, 2, 3)).astype(np.float16)
    first = _store(tmp_path / "a.zarr", values, [0, 2, 4])
    second = _store(tmp_path / "b.zarr", values, [4, 0, 2])
    assert _bytes(first) == _bytes(second)
    found = ActivationStore(first)
    assert found.facts == FACTS
    assert found.inputs == ["clip", "static"]
    assert found.taps() == TAPS
    array = found.array("static", "00.mlp")
    assert array.metadata.dimension_names == store.DIMENSIONS  # type: ignore[union-attr]
    assert np.array_equal(np.asarray(array[:]), values)
