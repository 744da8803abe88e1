"""Stage features: what every tap says of every video of both splits, averaged over its tokens."""

from signal_perception.features.run import Job, features
from signal_perception.features.settings import Settings
from signal_perception.pipeline import stage


def main(dataset: str, model: str, weights: str, seed: int) -> None:
    run = stage.start("features", dataset, model, weights, seed)
    job = Job(
        run.settings(Settings),
        model,
        training=run.dep(f"data/clips/{dataset}/train.zarr"),
        test=run.dep(f"data/clips/{dataset}/test.zarr"),
        weights=run.dep("data/weights"),
        folder=run.scratch.path,
    )
    file = run.scratch.path / "features.npz"
    features(job, f"features {dataset} {model} {weights} {seed}", file)
    run.publish({"data/features": file})


if __name__ == "__main__":
    stage.run(main)
