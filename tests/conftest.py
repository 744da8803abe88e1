"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """Folder with reference outputs, real videos and real weights.

    Tests that need it skip where it is absent.
    """
    folder = Path(os.environ.get("SIGNAL_PERCEPTION_SHARED", ROOT.parent / "shared"))
    if not (folder / "reference").is_dir():
        pytest.skip(
            f"no reference data at {folder}: set SIGNAL_PERCEPTION_SHARED to the folder that has it"
        )
    return folder


@pytest.fixture(autouse=True, scope="session")
def in_this_process() -> None:
    """Units run in the process of the test, whatever the machine's cores, unless a test asks."""
    os.environ.setdefault("SIGNAL_PERCEPTION_WORKERS", "1")
