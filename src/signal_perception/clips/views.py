"""How test videos are looked at: what a study asks for, and what that is for one model."""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from signal_perception.clips.settings import Views
from signal_perception.pipeline.params import Section

PROTOCOL = "protocol"


def _number_or_protocol(value: Any) -> Any:
    """One mistake instead of one for each of the two that it could have been."""
    number = isinstance(value, int) and not isinstance(value, bool) and value >= 1
    if not number and value != PROTOCOL:
        raise PydanticCustomError("clips", "Input should be a number from 1, or protocol")
    return value


class AskedViews(Section):
    """Clips of a test video and crops of each; `protocol`: as many as the model's own test has."""

    clips: Annotated[int | Literal["protocol"], BeforeValidator(_number_or_protocol)]
    crops: Literal[1, 3, "protocol"]


def views_of(asked: AskedViews, protocol: Views) -> Views:
    """The views that a study asks for, of a model with this protocol."""
    return Views(
        clips=protocol.clips if asked.clips == PROTOCOL else asked.clips,
        crops=protocol.crops if asked.crops == PROTOCOL else asked.crops,
    )
