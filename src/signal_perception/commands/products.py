"""What a product of the study is: its kind, its arrays, what it says about itself."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from signal_perception.pipeline.errors import UserError


@dataclass(frozen=True)
class Array:
    """One array, column or tensor. size: bytes on disk; None where it shares them with others."""

    name: str
    shape: tuple[int, ...]
    dtype: str
    size: int | None = None


@dataclass(frozen=True)
class Product:
    """A product. kind: what it is. size: bytes on disk. facts: what is known of it, by name.

    opens: what opens it, a command or a line of Python.
    """

    path: Path
    kind: str
    size: int
    facts: Mapping[str, Any]
    arrays: Sequence[Array]
    opens: str
    attributes: Mapping[str, Any] = field(default_factory=dict)


def look(path: Path) -> Product:
    """What lies at `path`; UserError, one sentence, where this is no product of the study."""
    if not path.exists():
        raise UserError(
            f"There is no {path}; make it (signal-perception repro), fetch it (dvc pull), or "
            "correct the name."
        )
    is_store = path.is_dir() and (path / "zarr.json").is_file()
    readers = {".safetensors": _weights, ".parquet": _table, ".npz": _features}
    reader = _store if is_store else readers.get(path.suffix)
    if reader is None or path.is_dir() != is_store:
        raise UserError(
            f"{path} is no product that inspect knows; it looks at stores (.zarr), weights "
            f"(.safetensors), tables (.parquet) and features (.npz)."
        )
    return reader(path)


def _store(path: Path) -> Product:
    import zarr

    from signal_perception.stores import attributes_of, open_checked

    try:
        group = zarr.open_group(path, mode="r")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UserError(
            f"{path} is no intact store: make it (signal-perception repro) or fetch it (dvc pull)."
        ) from None
    attributes = attributes_of(group)
    if attributes != group.attrs.asdict():
        group = open_checked(path)
    if "classes" in attributes and (path / "shards").is_dir():
        return _clips(path)
    if {"inputs", "weights_sha256"} <= set(attributes):
        return _activations(path, attributes)
    return Product(
        path,
        "a zarr group",
        _bytes(path),
        {},
        _arrays(path, group),
        f'xarray.open_datatree("{path}", engine="zarr")',
        attributes,
    )


def _clips(path: Path) -> Product:
    from signal_perception.clips.store import ClipStore
    from signal_perception.stores import open_checked

    store = ClipStore(path)
    count, sides = len(store), store.sizes
    facts = {
        "videos": count,
        "groups": len(set(store.groups)),
        "classes": list(store.classes),
        "videos per class": {
            name: int((store.labels == label).sum()) for label, name in enumerate(store.classes)
        },
        "frames": int(store.frames.sum()),
        "frames per video": f"{store.frames.min()} to {store.frames.max()}" if count else "none",
        "pixels": f"{sides.min()} to {sides.max()}" if count else "none",
        "frames per second": f"{store.fps.min():g} to {store.fps.max():g}" if count else "none",
        "shards": len(list((path / "shards").iterdir())),
    }
    arrays = sorted(open_checked(path).arrays())
    index = [_array(path, name, array) for name, array in arrays]
    opens = f'signal_perception.clips.store.ClipStore(Path("{path}")).read(0, range(8))'
    return Product(
        path,
        "a clip store: videos decoded to frames",
        _bytes(path),
        facts,
        index,
        opens,
    )


def _activations(path: Path, attributes: dict[str, Any]) -> Product:
    from signal_perception.extract.partial import missing
    from signal_perception.extract.store import ActivationStore
    from signal_perception.stores import open_checked

    store = ActivationStore(path)
    taps = [tap.tap for tap in store.taps()]
    facts: dict[str, Any] = {"inputs": list(store.inputs), "taps": len(taps)}
    if absent := missing(path, open_checked(path), taps):
        facts["taps that are here"] = [tap for tap in taps if tap not in absent] or "none"
    for name, part in (("means", store.means_part), ("activations", store.activations_part)):
        if part is None:
            facts[f"videos with {name}"] = 0
        else:
            facts[f"videos with {name}"] = len(part.ids)
            facts[f"clips of each with {name}"] = part.clips
            facts["classes"] = sorted({*facts.get("classes", []), *part.labels})
    arrays = _arrays(path, open_checked(path), values=("means", "activations"))
    plain = {key: value for key, value in attributes.items() if key not in ("means", "activations")}
    model, dataset = path.parent.name, path.parent.parent.name
    return Product(
        path,
        "an activation store: what a model computes at its taps",
        _bytes(path),
        facts,
        arrays,
        f'signal_perception.open_activations("{dataset}", "{model}"), or '
        f'xarray.open_datatree("{path}", engine="zarr")',
        plain,
    )


def _weights(path: Path) -> Product:
    from signal_perception.models.core import header

    tensors = header.tensors(path)
    about = header.about(path) or {}
    arrays = []
    values = 0
    for name, each in tensors.items():
        start, end = each["data_offsets"]
        arrays.append(Array(name, tuple(each["shape"]), each["dtype"], end - start))
        values += _product(each["shape"])
    facts: dict[str, Any] = {"tensors": len(tensors), "values": values}
    facts |= {key: value for key, value in about.items() if key not in ("network", "input")}
    facts["SHA-256 of the tensors"] = header.tensors_hash(path)
    named = "" if about else " --model MODEL --labels FILE"
    return Product(
        path,
        "weights of a model" if about else "weights of somebody else's model",
        path.stat().st_size,
        facts,
        arrays,
        f"signal-perception predict VIDEO --weights {path}{named}",
        {key: about[key] for key in ("network", "input") if key in about},
    )


def _table(path: Path) -> Product:
    import pyarrow as pa
    import pyarrow.parquet as pq

    from signal_perception import parquet

    if parquet.is_sealed(path):
        parquet.require_intact(path)
    try:
        file = pq.ParquetFile(path, page_checksum_verification=True)
    except (pa.ArrowException, OSError):
        raise UserError(f"File {path} is no intact Parquet file: make or get it again.") from None
    with file:
        schema, metadata = file.schema_arrow, file.metadata
        sizes: dict[str, int] = {}
        for group in range(metadata.num_row_groups):
            for column in range(metadata.num_columns):
                each = metadata.row_group(group).column(column)
                name = each.path_in_schema.partition(".")[0]
                sizes[name] = sizes.get(name, 0) + each.total_compressed_size
        names = set(schema.names)
        facts: dict[str, Any] = {"rows": metadata.num_rows}
        for column in ("video", "label", "control", "tap", "transform"):
            if column in names:
                values = file.read([column]).column(column).unique().to_pylist()
                facts[f"different {column}"] = len(values)
                if column in ("label", "control", "transform"):
                    facts[f"different {column}"] = sorted(map(str, values))
    kinds = (
        ({"cell", "repeat"}, "scores of every video in every cell of the noise grids"),
        ({"transform", "bin"}, "spectra of every tap for every video"),
        ({"control", "rank"}, "predictions of every test video"),
    )
    kind = next((said for columns, said in kinds if columns <= names), "a table")
    rows = (metadata.num_rows,)
    arrays = [
        Array(column.name, rows, str(column.type), sizes.get(column.name)) for column in schema
    ]
    return Product(path, kind, path.stat().st_size, facts, arrays, f'pandas.read_parquet("{path}")')


def _features(path: Path) -> Product:
    import zipfile

    import numpy as np

    from signal_perception.features.store import DAMAGE, Features

    arrays = []
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                with archive.open(entry) as file:
                    newer = np.lib.format.read_magic(file) > (1, 0)
                    form = np.lib.format
                    read = form.read_array_header_2_0 if newer else form.read_array_header_1_0
                    shape, _, dtype = read(file)
                name = entry.filename.removesuffix(".npy")
                arrays.append(Array(name, shape, str(dtype), entry.compress_size))
    except DAMAGE:
        raise UserError(f"File {path} is no intact NumPy archive: make or get it again.") from None
    if not {"video", "tap", "training"} <= {array.name for array in arrays}:
        opens = f'numpy.load("{path}")'
        return Product(path, "a NumPy archive", path.stat().st_size, {}, arrays, opens)
    index = Features(path).index
    facts = {
        "training videos": index.training,
        "test videos": len(index.ids) - index.training,
        "classes": list(index.classes),
        "taps": len(index.taps),
        "weights_sha256": index.weights_sha256,
    }
    return Product(
        path,
        "features: every tap averaged over its tokens, of every video",
        path.stat().st_size,
        facts,
        arrays,
        f'signal_perception.features.store.Features(Path("{path}")).tap("{index.taps[0]}")',
    )


def _arrays(path: Path, group: Any, values: Sequence[str] = ()) -> list[Array]:
    """All arrays below a group; with `values`, of these trees alone and without coordinates."""
    import zarr

    found = []
    for name, member in sorted(group.members(max_depth=None)):
        if not isinstance(member, zarr.Array):
            continue
        parts = name.split("/")
        if values and (parts[0] not in values or len(member.shape) < 2):
            continue
        found.append(_array(path, name, member))
    return found


def _array(path: Path, name: str, array: Any) -> Array:
    return Array(name, tuple(array.shape), str(array.dtype), _bytes(path / name))


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def _product(shape: Sequence[int]) -> int:
    count = 1
    for each in shape:
        count *= each
    return count
