"""The stage noise of a tiny model on 200 videos: its inputs, its settings, its units scored."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from signal_perception.clips.settings import Input
from signal_perception.evaluate import run as evaluate
from signal_perception.evaluate import settings as evaluate_settings
from signal_perception.evaluate import tables
from signal_perception.inference import scorer
from signal_perception.inference.blocks import Videos
from signal_perception.models.core.header import tensors_hash
from signal_perception.noise import run
from signal_perception.noise.engine import Scored
from signal_perception.noise.run import Inputs
from signal_perception.noise.settings import Settings
from signal_perception.pipeline.units import Unit, Write, write_atomically
from tests.support import predicted, tiny_model
from tests.support.clips import make_store
from tests.support.grids import NOISE

NETWORK = tiny_model.NETWORK | {"depth": 3}
VIDEOS = 200
THIRDS: dict[str, Any] = {"panels": "thirds", "sigma": [0.0, 0.3, 3.0], "rho": 1.0}


def make_inputs(folder: Path) -> Inputs:
    """A store of 200 videos, weights, and the clean model's predictions."""
    store = make_store(folder / "test.zarr", range(VIDEOS))
    make_store(folder / "train.zarr", range(9))
    weights = tiny_model.write_weights(folder / "weights.safetensors", NETWORK)
    engine = run._engine(
        settings({}),
        tiny_model.MODEL,
        Inputs(store.path, folder / "train.zarr", weights, folder / "predictions.parquet"),
        [range(VIDEOS)],
        folder,
        folder,
    )
    pixels = list(engine.prefix.pixels(range(VIDEOS)))
    scores = np.concatenate([engine.prefix.scorer.logits(each) for each in pixels])
    columns = {
        "control": "clip",
        "video": list(store.ids),
        "group": list(store.groups),
        "label": [store.classes[label] for label in store.labels],
        "scores": list(scores.astype(np.float32)),
    }
    predicted.write(pd.DataFrame(columns), folder / "predictions.parquet", tensors_hash(weights))
    return Inputs(store.path, folder / "train.zarr", weights, folder / "predictions.parquet")


def settings(grids: dict[str, dict[str, Any]], **changed: Any) -> Settings:
    return Settings.model_validate(
        {
            "seed": 0,
            "cpu_threads": 1,
            "finetune": {"precision": "float32"},
            "views": {"clips": 1, "crops": 1},
            "noise": NOISE | {"scale": "rel_fro", "grids": grids} | changed,
            "model": {
                "network": NETWORK,
                "input": Input.model_validate(tiny_model.INPUT).model_dump(),
                "protocol": tiny_model.PROTOCOL,
                "disturb": "mlp",
            },
        }
    )


def score(inputs: Inputs, chosen: Settings, folder: Path) -> list[Unit[Scored]]:
    (folder / "cache").mkdir(exist_ok=True)
    plan = run.plan_of(chosen, tiny_model.MODEL, inputs.clips)
    return run.score_all(
        chosen,
        tiny_model.MODEL,
        plan,
        inputs,
        work=folder / "work",
        cache=folder / "cache",
        label="noise shapes",
    )


def evaluated(inputs: Inputs, chosen: Settings, folder: Path) -> Path:
    """The predictions of the stage evaluate with the settings of a noise stage."""
    same = chosen.model_dump(include={"seed", "cpu_threads", "finetune", "model", "views"})
    del same["model"]["disturb"]
    same["model"]["pretrained"] = None
    same["views"]["controls"] = ["static"]
    asked = evaluate_settings.Settings.model_validate(same | {"study": {"size": "tiny"}})
    loaded = scorer.load(tiny_model.MODEL, asked, inputs.weights, 3)
    units = evaluate.units(inputs.clips, folder / "evaluate")

    def done(videos: Videos, write: Write) -> None:
        write_atomically(next(each.result for each in units if each.item == videos), write)

    evaluate.score(asked, inputs.clips, loaded, [each.item for each in units], done)
    table = tables.predictions(inputs.clips, asked, units)
    tables.write(table, units, tensors_hash(inputs.weights), folder / "made.parquet")
    return folder / "made.parquet"
