"""Stage noise: the noise grids of one fine-tuned model, cell by cell, and their tables."""

import json

from signal_perception.noise import run as cells
from signal_perception.noise.listening import NO_MATTER_OF_A_TAP, hear_all
from signal_perception.noise.products import Products
from signal_perception.noise.settings import Settings
from signal_perception.pipeline import stage
from signal_perception.pipeline.units import write_atomically


def main(dataset: str, model: str, seed: int) -> None:
    run = stage.start("noise", dataset, model, seed)
    settings, label = run.settings(Settings), f"noise {dataset} {model} {seed}"
    inputs = cells.Inputs(
        clips=run.dep(f"data/clips/{dataset}/test.zarr"),
        training=run.dep(f"data/clips/{dataset}/train.zarr"),
        weights=run.dep("data/weights"),
        predictions=run.dep("data/predictions"),
    )
    plan = cells.plan_of(settings, model, inputs.clips)
    cache = run.scratch.cache("cells", without=cells.NO_MATTER_OF_A_CELL)
    scored = cells.score_all(
        settings, model, plan, inputs, work=run.scratch.path, cache=cache, label=label
    )
    taps = run.scratch.cache("taps", without=NO_MATTER_OF_A_TAP)
    heard = hear_all(settings, model, plan, inputs, folder=taps, label=label)
    products = Products(dataset, model, settings, inputs, plan, scored, heard)
    for folder, table in products.tables.items():
        write_atomically(
            run.out(f"reports/tables/{folder}"),
            lambda path, table=table: table.to_csv(path, index=False),
        )
    metrics = json.dumps(products.metrics, indent=2, allow_nan=False) + "\n"
    write_atomically(
        run.out("reports/metrics"), lambda path: path.write_text(metrics, encoding="utf-8")
    )
    file = run.scratch.path / "scores.parquet"
    products.write_scores(file)
    run.publish({"data/noise": file})


if __name__ == "__main__":
    stage.run(main)
