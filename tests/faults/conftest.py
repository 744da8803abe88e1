"""The study that all faults befall, and the table of outcomes at the end."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.outcomes import SAVED, TABLE
from tests.faults.study import Study, study


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """A study of all stages."""
    with study(tmp_path_factory.mktemp("whole")) as made:
        yield made


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """A study up to the activations of its model."""
    with study(
        tmp_path_factory.mktemp("sample"), ("synthesise", "decode", "finetune", "extract")
    ) as made:
        yield made


@pytest.fixture(scope="session")
def means(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Study]:
    """A study up to spectra that are read from spectral means."""
    kinds = ("synthesise", "decode", "finetune", "extract", "spectra")
    with study(tmp_path_factory.mktemp("means"), kinds, {"extract.keep": "means"}) as made:
        yield made


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if TABLE and SAVED in os.environ:
        TABLE.save(Path(os.environ[SAVED]))
    elif TABLE:
        terminalreporter.section("faults")
        terminalreporter.write_line(TABLE.markdown())
