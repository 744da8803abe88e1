"""What a model's clips are, and how its official test looks at a video: parts of its entry."""

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from signal_perception.pipeline.params import Count, Section


def _for_each_channel(value: object) -> object:
    """One number stands for red, green and blue."""
    single = isinstance(value, int | float) and not isinstance(value, bool)
    return (value,) * 3 if single else value


PerChannel = Annotated[
    tuple[float, float, float], Field(strict=False), BeforeValidator(_for_each_channel)
]


class Views(Section):
    """The views of a test video by a model's official protocol.

    clips: of a video. crops: of a clip, 1 (the centre) or 3 (along the longer side).
    """

    clips: Count
    crops: Literal[1, 3]


class Input(Section):
    """mean and std are ImageNet's unless the model's file says otherwise."""

    frames: Count
    stride: Count
    size: Annotated[int, Field(ge=8)]
    resize: Count | None = None
    mean: PerChannel = (0.485, 0.456, 0.406)
    std: PerChannel = (0.229, 0.224, 0.225)
    sampling: Literal["dense", "dense_30fps", "uniform", "videomae", "mmaction", "swin", "i3d"]
    fusion: Literal["logits", "probabilities"]

    @model_validator(mode="after")
    def _fits(self) -> "Input":
        if self.resize is not None and self.resize < self.size:
            raise ValueError(
                f"resize is {self.resize}, smaller than the crop of {self.size}: enlarge it or set "
                "it to null"
            )
        if min(self.std) <= 0:
            raise ValueError(
                f"std is {', '.join(f'{each:g}' for each in self.std)}: pixels are divided by it, "
                "so give numbers above 0"
            )
        return self


MODEL_PARTS = {"input": Input, "protocol": Views}
