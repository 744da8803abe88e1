"""Fusion of views against cases worked out by hand."""

import numpy as np
import pytest

from signal_perception.inference.scorer import fuse


def test_fusion_averages_logits_or_probabilities() -> None:
    views = np.log(np.array([[[0.9, 0.1], [0.2, 0.8]]]))
    assert fuse(views, "probabilities")[0] == pytest.approx([0.55, 0.45])
    assert fuse(views, "logits")[0] == pytest.approx([np.log(0.18) / 2, np.log(0.08) / 2])
