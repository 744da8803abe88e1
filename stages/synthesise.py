"""Stage synthesise: write the synthetic data set, encoded videos in class folders, and its list."""

from signal_perception.pipeline import stage
from signal_perception.pipeline.units import make
from signal_perception.synthesise import videos
from signal_perception.synthesise.settings import DATASET, Settings


def main() -> None:
    run = stage.start("synthesise")
    settings = run.settings(Settings)
    source = settings.datasets.shapes.source
    made = run.scratch.path / DATASET
    make(
        made,
        lambda root: videos.write(
            root,
            train_per_class=source.train_per_class,
            test_per_class=source.test_per_class,
            frames=source.frames,
            size=source.size,
            fps=source.fps,
            seed=settings.seed,
        ),
    )
    run.publish({f"data/raw/{DATASET}": made})


if __name__ == "__main__":
    stage.run(main)
