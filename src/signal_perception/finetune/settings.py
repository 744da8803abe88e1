"""What the stage finetune is told."""

from typing import Annotated, Literal

from pydantic import Field

from signal_perception.clips.settings import Input
from signal_perception.inference.settings import Arithmetic, CpuThreads
from signal_perception.models.core.settings import Network, Pretrained
from signal_perception.pipeline.params import Count, NotNegative, Positive, Section, Share


class Recipe(Section):
    """What has a default is off by default; what makes a recipe has none."""

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
    batch_norm: Literal["train", "frozen"] = "train"
    norm_clips: Count | None = None
    validation: Annotated[float, Field(ge=0, lt=1)] = 0.0

    def rate(self, value: float) -> float:
        """A learning rate at this batch: in proportion, where it stands for `lr_batch` clips."""
        return value if self.lr_batch is None else value * self.batch / self.lr_batch


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
