"""Predictions from logits made by hand, written as the stage evaluate writes them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signal_perception.clips.store import ClipStore
from signal_perception.evaluate import tables
from signal_perception.evaluate.settings import Settings
from signal_perception.inference.blocks import Videos
from signal_perception.pipeline.units import Unit
from tests.support.tiny_model import INPUT, NETWORK, PROTOCOL


def settings(**views: Any) -> Settings:
    """With one control; views as `views` has them, 1 and 1 where nothing is said."""
    return Settings.model_validate(
        {
            "seed": 0,
            "cpu_threads": 1,
            "study": {"size": "tiny"},
            "finetune": {"precision": "float32"},
            "views": {"clips": 1, "crops": 1, "controls": ["static"]} | views,
            "model": {"network": NETWORK, "input": INPUT, "protocol": PROTOCOL, "pretrained": None},
        }
    )


def write(
    folder: Path, store: ClipStore, settings: Settings, logits: Mapping[str, np.ndarray]
) -> tuple[pd.DataFrame, Path]:
    """The table of predictions and its file, from logits (videos, views, classes) by input.

    They come in two blocks.
    """
    half, units = len(store) // 2, []
    for numbers in (tuple(range(half)), tuple(range(half, len(store)))):
        unit = Unit(Videos(numbers), folder / f"{numbers[0]}.npz")
        own = {name: each[list(numbers)] for name, each in logits.items()}
        np.savez(unit.result, allow_pickle=False, **own)
        units.append(unit)
    table = tables.predictions(store.path, settings, units)
    tables.write(table, units, "0", folder / "predictions.parquet")
    return table, folder / "predictions.parquet"
