"""A forward pass in steps as small as the models have them: the sub-layers of their blocks.

Between two sub-layers lies a state as between two blocks, and a cell of spatial attention may begin
after the temporal attention of its first block.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from torch import nn

from signal_perception.models.core.state import Segment, State, chain


@dataclass(frozen=True)
class Step:
    """One step of a forward pass.

    block: that it belongs to, None outside the blocks. run: a module, where there is one.
    """

    block: int | None
    run: Callable[[State], State]

    def holds(self, thing: nn.Module | nn.Parameter) -> bool:
        """Whether it runs this module, or reads this parameter."""
        if not isinstance(self.run, nn.Module):
            return False
        things = self.run.parameters() if isinstance(thing, nn.Parameter) else self.run.modules()
        return any(each is thing for each in things)


def steps(segments: Iterable[Segment], listened: Sequence[nn.Module]) -> list[Step]:
    """The steps of segments: a block that is a sequence of modules is one step for each of them.

    listened: modules that may have hooks. A sequence that is one of them stays a step of its own,
    since hooks are called where the whole of it is.
    """
    return [
        Step(segment.block, run)
        for segment in segments
        for run in (_parts(segment.run, listened) if segment.block is not None else [segment.run])
    ]


def first(steps: Sequence[Step], block: int, things: Iterable[nn.Module | nn.Parameter]) -> int:
    """Number of the first step of a block that has to do with one of these things.

    It is the first step of the block where one of them is in none.
    """
    inside = [number for number, step in enumerate(steps) if step.block == block]
    return min(
        next((number for number in inside if steps[number].holds(thing)), inside[0])
        for thing in things
    )


def _parts(
    run: Callable[[State], State], listened: Sequence[nn.Module]
) -> Iterator[Callable[[State], State]]:
    if isinstance(run, nn.Sequential) and not any(run is each for each in listened):
        yield from run
    elif isinstance(run, partial) and run.func is chain:
        for module in run.args[0]:
            yield from _parts(module, listened)
    else:
        yield run
