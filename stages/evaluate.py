"""Stage evaluate: predictions of a fine-tuned model for every test video and every control, and their accuracy with intervals."""

from functools import partial
from pathlib import Path

import pandas as pd

from signal_perception import params, paths, scoring, stage, workers
from signal_perception.closure import code_hash
from signal_perception.scratch import Scratch, whole


def main(dataset: str, model: str) -> None:
    settings = params.load(paths.PARAMS)
    weights = paths.weights(dataset, model)
    scratch = Scratch(
        f"evaluate@{dataset}-{model}",
        settings=[
            params.plain(settings.model(model)),
            params.plain(settings.views),
            settings.seed,
            settings.cpu_threads,
        ],
        inputs=[paths.clips(dataset, "test"), weights, paths.decode_table(dataset)],
        code=code_hash(Path(__file__), [f"signal_perception.models.{model}"]),
    )
    units = scoring.units(settings, dataset, scratch.path)
    left = [unit for unit in units if not unit.path.is_file()]
    work = partial(scoring.predict, settings, dataset, model)
    workers.run(
        left, work, label=f"evaluate {dataset} {model}", unit="shard", done=len(units) - len(left), spread=False
    )

    table = scoring.predictions(settings, dataset, units)
    videos = pd.read_csv(paths.decode_table(dataset))
    dropped = int(((videos["split"] == "test") & videos["verdict"].str.startswith("refused")).sum())
    metrics = scoring.metrics(settings, dataset, model, table, dropped)
    target = scratch.unit("predictions.parquet")
    table.to_parquet(target, index=False)
    whole(paths.accuracy(dataset, model), lambda path: path.write_text(metrics, encoding="utf-8"))
    scratch.publish({target: paths.predictions(dataset, model)})


if __name__ == "__main__":
    stage.run(main)
