"""Batch norms of several processes have the running statistics of one, after every step."""

import io

import pytest
import torch

from signal_perception.finetune.processes import Processes
from signal_perception.finetune.settings import Recipe
from tests.support import training
from tests.support.together import together
from tests.support.training import recipe, train, trainer, weights

# Threads share the generator that mixing draws from, processes do not.
CLIPPED = {"clip_grad": 1.0}


def _alone(chosen: Recipe, epochs: int) -> tuple[list[float], dict[str, torch.Tensor]]:
    made = trainer(chosen)
    return train(made, chosen, range(epochs)), weights(made)


# As many units as processes, fewer, and unequally many for each.
@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("norm_clips", [None, 2, 3, 4])
def test_processes_end_where_one_does(count: int, norm_clips: int | None) -> None:
    chosen = recipe(norm_clips=norm_clips, **CLIPPED)
    losses, alone = _alone(chosen, 3)

    def work(own: Processes) -> tuple[list[float], dict[str, torch.Tensor]]:
        made = trainer(chosen, processes=own)
        return train(made, chosen, range(3), own), weights(made)

    for found, values in together(count, work):
        assert found == pytest.approx(losses, rel=1e-4)
        for name, value in values.items():
            torch.testing.assert_close(value, alone[name], rtol=1e-3, atol=1e-5, msg=name)


def test_processes_go_on_from_a_state_in_mid_epoch_with_the_same_bits() -> None:
    chosen = recipe(norm_clips=4, batch=4, **CLIPPED)

    def work(own: Processes, cut: bool) -> dict[str, torch.Tensor]:
        made = trainer(chosen, processes=own)
        for step, batches in training.steps(made, chosen, 0, own):
            if cut and step.number == 2:
                # the first one's state is that of all
                file = io.BytesIO()
                torch.save(made.state(), file)
                states.append(file)
                own.add([torch.zeros(1)])
                states[0].seek(0)
                made = trainer(chosen, processes=own)
                made.restore(torch.load(io.BytesIO(states[0].getvalue()), weights_only=True))
            made.step(step, iter(batches))
        return weights(made)

    states: list[io.BytesIO] = []
    whole = together(2, lambda own: work(own, False))
    again = together(2, lambda own: work(own, True))
    for name, value in whole[0].items():
        assert torch.equal(value, again[0][name]), name
        assert torch.equal(value, again[1][name]), name
