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
    optimiser: Literal["adamw", "sgd"]
    lr: Positive
    min_lr: NotNegative
    weight_decay: NotNegative
    layer_decay: Annotated[float, Field(gt=0, le=1)] | None = None
    clip_grad: Positive | None = None
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    mixup: NotNegative = 0.0
    crop_area: Annotated[tuple[Share, Share], Field(strict=False)]
    batch_norm: Literal["train", "frozen"] = "train"


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
