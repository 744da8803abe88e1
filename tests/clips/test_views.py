"""What a study asks for against what the model's own test has."""

from typing import Any

import pytest
from pydantic import ValidationError

from signal_perception.clips.settings import Views
from signal_perception.clips.views import AskedViews, views_of


def resolved(clips: Any, crops: Any, protocol: dict[str, int]) -> Views:
    asked = AskedViews.model_validate({"clips": clips, "crops": crops})
    return views_of(asked, Views.model_validate(protocol))


def test_the_protocol_is_the_models_own_and_a_number_is_that_number() -> None:
    official = {"clips": 5, "crops": 3}
    assert resolved("protocol", "protocol", official) == Views(clips=5, crops=3)
    assert resolved(2, "protocol", official) == Views(clips=2, crops=3)
    assert resolved("protocol", 1, official) == Views(clips=5, crops=1)
    assert resolved(1, 1, official) == Views(clips=1, crops=1)


@pytest.mark.parametrize("clips", [0, -1, True, 1.0, "all", None])
def test_other_numbers_of_clips_are_one_mistake(clips: Any) -> None:
    with pytest.raises(ValidationError) as caught:
        AskedViews.model_validate({"clips": clips, "crops": 1})
    (fault,) = caught.value.errors()
    assert fault["loc"][0] == "clips"
    assert fault["msg"] == "Input should be a number from 1, or protocol"


@pytest.mark.parametrize("crops", [0, 2, "centre"])
def test_other_numbers_of_crops_are_refused(crops: Any) -> None:
    with pytest.raises(ValidationError, match="Input should be 1, 3 or 'protocol'"):
        AskedViews.model_validate({"clips": 1, "crops": crops})
