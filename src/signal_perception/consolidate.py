"""Metadata of all groups and arrays of a zarr store in one file, for readers near and far."""

import json
import warnings
from pathlib import Path

import zarr
from zarr.errors import ZarrUserWarning


def consolidate(store: Path) -> None:
    """Copy the metadata of everything below a zarr group into its own file, sorted by path."""
    with warnings.catch_warnings():
        # zarr says that its format 3 does not promise consolidated metadata yet; readers know them
        warnings.filterwarnings("ignore", "Consolidated metadata", ZarrUserWarning)
        zarr.consolidate_metadata(store)
    file = store / "zarr.json"
    content = json.loads(file.read_text(encoding="utf-8"))
    found = content["consolidated_metadata"]["metadata"]
    # zarr lists them as the file system does
    content["consolidated_metadata"]["metadata"] = dict(sorted(found.items()))
    file.write_text(json.dumps(content, indent=2), encoding="utf-8")
