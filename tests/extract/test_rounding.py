"""Rounding on the device is NumPy's, to the bit, and refuses what float16 cannot hold."""

import numpy as np
import pytest
import torch

from signal_perception.extract.rounding import rounded
from signal_perception.pipeline.errors import UserError


def test_rounding_is_that_of_numpy() -> None:
    numbers = np.random.default_rng(0).normal(size=10_000).astype(np.float32)
    # subnormal numbers of float16, ties, its ends, and zeros with their sign
    odd = [6e-8, 2.9e-8, 1 + 2**-11, 1 + 3 * 2**-11, 65504.0, -65504.0, 0.0, -0.0, np.nan]
    values = np.concatenate([numbers, numbers * 1e-6, np.array(odd, np.float32)])
    found = rounded({"tap": torch.from_numpy(values)}, "float16")["tap"].numpy()
    expected = values.astype(np.float16)
    same = found.view(np.uint16) == expected.view(np.uint16)
    assert (same | np.isnan(expected)).all()
    assert np.isnan(found[-1])
    assert torch.equal(
        rounded({"tap": torch.ones(3)}, "float32")["tap"], torch.ones(3, dtype=torch.float32)
    )


def test_a_number_beyond_float16_is_refused_by_the_name_of_its_tap() -> None:
    values = {"input": torch.zeros(2, 3), "00.mlp": torch.full((2, 3), -1e5)}
    with pytest.raises(
        UserError,
        match=r"Tap 00\.mlp reaches 1e\+05, more than float16 holds; set extract\.dtype to float32",
    ):
        rounded(values, "float16")
    assert rounded(values, "float32")["00.mlp"].min() == -1e5
