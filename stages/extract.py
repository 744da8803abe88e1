"""Stage extract: what every tap says of the test clips and their controls."""

from signal_perception.extract.job import Job
from signal_perception.extract.run import extract
from signal_perception.extract.settings import Settings
from signal_perception.pipeline import stage


def main(dataset: str, model: str, weights: str, seed: int) -> None:
    run = stage.start("extract", dataset, model, weights, seed)
    job = Job(
        run.settings(Settings),
        model,
        clips=run.dep("data/clips"),
        weights=run.dep("data/weights"),
        folder=run.scratch.path,
        own=weights == dataset,
    )
    extract(job, f"extract {dataset} {model} {weights} {seed}")
    run.publish({"data/activations": job.store})


if __name__ == "__main__":
    stage.run(main)
