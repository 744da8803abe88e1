"""What the stage finetune is told."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from signal_perception.clips.settings import Input
from signal_perception.inference.settings import Arithmetic, CpuThreads
from signal_perception.models.core.settings import Network, Pretrained
from signal_perception.pipeline.params import Count, NotNegative, Positive, Section, Share

# What timm.data.auto_augment.rand_augment_transform reads.
_RANDAUGMENT = r"^rand(-(m|n|p|mstd|mmax|inc)\d+(\.\d+)?)+$"


class Recipe(Section):
    """What has a default is off by default; what makes a recipe has none.

    The keys are explained in params/models/README.md.
    """

    epochs: Count
    warmup_epochs: NotNegative = 0.0
    batch: Count
    optimiser: Literal["adamw", "sgd", "nesterov"]
    lr: Positive
    lr_batch: Count | None = None
    min_lr: NotNegative = 0.0
    warmup_lr: NotNegative = 0.0
    schedule: Literal["cosine", "steps"] = "cosine"
    steps: Annotated[tuple[Count, ...], Field(strict=False)] = ()
    weight_decay: NotNegative
    no_decay: Literal["vectors", "norms", "nothing"] = "vectors"
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = None
    head_factor: Positive = 1.0
    clip_grad: Positive | None = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mixup: NotNegative = 0.0
    cutmix: NotNegative = 0.0
    samples: Count = 1
    crop_area: Annotated[tuple[Share, Share], Field(strict=False)]
    crop_aspect: Annotated[tuple[Positive, Positive], Field(strict=False)] | None = None
    randaugment: Annotated[str, Field(pattern=_RANDAUGMENT)] | None = None
    colour_jitter: Share = 0.0
    erasing: Share = 0.0
    batch_norm: Literal["train", "frozen"] = "train"
    norm_clips: Annotated[int, Field(ge=2)] | None = None
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0

    @property
    def rate(self) -> float:
        """What lr, min_lr and warmup_lr are multiplied by: batch / lr_batch, or 1."""
        return self.batch / self.lr_batch if self.lr_batch else 1.0

    @model_validator(mode="after")
    def _crops_are_ranges(self) -> "Recipe":
        for name, range_, what in (
            ("crop_area", self.crop_area, "the smallest share of the picture, above 0, then the"),
            ("crop_aspect", self.crop_aspect, "the smallest width by height, then the"),
        ):
            if range_ is not None and not 0 < range_[0] <= range_[1]:
                raise ValueError(f"{name} is {range_[0]} to {range_[1]}: give {what} largest")
        return self

    @model_validator(mode="after")
    def _schedule_fits(self) -> "Recipe":
        if self.warmup_epochs > self.epochs:
            raise ValueError(
                f"warmup_epochs is {self.warmup_epochs:g}, more than the {self.epochs} epochs in "
                "all: the rate would never be reached; choose fewer"
            )
        for name, rate in (("min_lr", self.min_lr), ("warmup_lr", self.warmup_lr)):
            if rate > self.lr:
                raise ValueError(f"{name} is {rate}, above lr, which is {self.lr}: lower it")
        if bool(self.steps) != (self.schedule == "steps"):
            raise ValueError(
                f"steps is {list(self.steps)} and schedule is {self.schedule}: steps are the "
                "epochs at which the schedule `steps` lowers the rate; give both or neither"
            )
        if list(self.steps) != sorted(set(self.steps)) or max(self.steps, default=0) >= self.epochs:
            raise ValueError(
                f"steps is {list(self.steps)}: give rising epochs, all below the {self.epochs} "
                "epochs of the recipe"
            )
        if self.schedule == "steps" and self.min_lr:
            raise ValueError(
                f"min_lr is {self.min_lr}, where a cosine ends, and schedule is steps: leave it out"
            )
        return self

    @model_validator(mode="after")
    def _a_step_holds_whole_videos(self) -> "Recipe":
        if self.batch % self.samples:
            raise ValueError(
                f"samples is {self.samples}, and a batch of {self.batch} clips is not so many of "
                "each of its videos: choose a batch that it divides"
            )
        if self.batch == self.samples > 1:
            raise ValueError(
                f"batch is {self.batch}, as many clips as one video has (samples): enlarge it, a "
                "video is not mixed with itself"
            )
        if self.norm_clips is not None and self.batch_norm == "frozen":
            raise ValueError(
                f"norm_clips is {self.norm_clips}, and batch_norm is frozen, which takes no "
                "statistics: leave one of them out"
            )
        return self


class Dataset(Section):
    flip: bool


class Model(Section):
    network: Network
    input: Input
    recipe: Recipe
    pretrained: Pretrained | None


class Settings(Section):
    cpu_threads: CpuThreads
    dataset: Dataset
    finetune: Arithmetic
    model: Model


SECTIONS = {"finetune": Arithmetic}
DATASET_PARTS = {"flip": bool}
MODEL_PARTS = {"recipe": Recipe}
