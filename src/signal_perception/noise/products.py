"""What the stage makes of finished units: its small tables, its metrics, and all scores."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from signal_perception.clips.store import ClipStore
from signal_perception.noise import contrasts, grid, run, spectra, tables, views
from signal_perception.noise.engine import Scored
from signal_perception.noise.grid import Plan
from signal_perception.noise.listening import Heard
from signal_perception.noise.outcomes import Outcomes
from signal_perception.noise.run import Inputs
from signal_perception.noise.settings import Settings
from signal_perception.pipeline.units import Unit
from signal_perception.statistics.intervals import resamples


@dataclass(frozen=True)
class Products:
    """Of one data set and model. scored, heard: units of the grids and of the taps, finished."""

    dataset: str
    model: str
    settings: Settings
    inputs: Inputs
    plan: Plan
    scored: Sequence[Unit[Scored]]
    heard: Sequence[Unit[Heard]]

    @cached_property
    def tables(self) -> dict[str, pd.DataFrame]:
        """Folder of reports/tables → its table."""
        names, store, found = (self.dataset, self.model), self._store, self._outcomes
        listened = grid.listened(self.settings.noise, self.plan)
        shown = views.shown(self.settings, self.inputs.clips).views
        return {
            "noise": tables.cells(*names, found, shown),
            "contrasts": contrasts.table(*names, found),
            "robustness": tables.videos(found, store.ids, store.groups),
            "noise_spectra": spectra.table(*names, self.heard, listened, found),
        }

    @property
    def metrics(self) -> dict[str, dict[str, float | None]]:
        """What `dvc metrics` compares."""
        return tables.metrics(self.tables["noise"])

    def write_scores(self, target: Path) -> None:
        """Write the scores of every cell, repeat and video."""
        store = self._store
        tables.write_scores(self.scored, self._clean, store.ids, store.labels, self._parts, target)

    @cached_property
    def _store(self) -> ClipStore:
        return ClipStore(self.inputs.clips)

    @cached_property
    def _clean(self) -> NDArray[np.float32]:
        return views.clean(self.settings, self.inputs.predictions, self._store.ids)

    @cached_property
    def _parts(self) -> list[tuple[int, ...]]:
        return run.parts_of(self.settings, self.inputs.clips)

    @cached_property
    def _outcomes(self) -> Outcomes:
        settings, store = self.settings, self._store
        draws = resamples(store.groups, settings.seed, settings.noise.bootstrap)
        return Outcomes(self.plan, self.scored, self._clean, store.labels, self._parts, draws)
