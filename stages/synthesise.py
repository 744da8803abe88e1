"""Stage synthesise: write the synthetic data set as encoded videos in class folders with a split file."""

from pathlib import Path

from signal_perception import params, paths, stage
from signal_perception.closure import code_hash
from signal_perception.data import synthetic
from signal_perception.errors import UserError
from signal_perception.scratch import Scratch, whole

DATASET = "shapes"


def main() -> None:
    settings = params.load(paths.PARAMS)
    source = settings.datasets[DATASET].source
    if not isinstance(source, params.SyntheticSource):
        raise UserError(
            f"datasets.{DATASET}.source.kind is {source.kind!r}; the data set {DATASET} is always synthetic."
        )
    scratch = Scratch(
        "synthesise", settings=[params.plain(source), settings.seed], inputs=[], code=code_hash(Path(__file__))
    )
    made = scratch.unit("videos")
    whole(
        made,
        lambda root: synthetic.write(
            root,
            train_per_class=source.train_per_class,
            test_per_class=source.test_per_class,
            frames=source.frames,
            size=source.size,
            fps=source.fps,
            seed=settings.seed,
        ),
    )
    scratch.publish({made: paths.raw(DATASET)})


if __name__ == "__main__":
    stage.run(main)
