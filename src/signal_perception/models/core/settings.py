"""What a model's network is built from and starts with: parts of its entry."""

from typing import Annotated

from pydantic import Field

from signal_perception.pipeline.params import Inside, Section

# Fields of the model's `Network`, which `registry.build` checks.
Network = dict[str, object]


class Pretrained(Section):
    """Weights to start from, a file below data/pretrained; sha256: eight or more first digits."""

    file: Inside
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{8,64}$")]
    source: str


MODEL_PARTS = {"network": Network, "pretrained": Pretrained | None}
