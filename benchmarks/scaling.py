"""Where the study stops scaling: its stages on 1 to 512 GPUs, simulated from measured unit times.

    python -m benchmarks.scaling

Events of a list schedule, the longest way to the end first. A unit of work takes a GPU (decode and
probe: cores), a fine-tuning as many GPUs of a machine as its batch has room for. Rates are those of
`benchmarks.poster` (one H100, bfloat16) and of `commands/forecast/reference.json` (decode, probe,
starts). What is assumed stands above the tables.
"""

import heapq
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache

from benchmarks import poster
from signal_perception.commands.forecast import networks, speeds
from signal_perception.pipeline.params import Params

GPUS = (1, 8, 64, 512)
# Kinetics-400: training videos, videos scored, classes, mean frames of a video.
KINETICS = {"kinetics400": (240_000, 20_000, 400)}
_FRAMES = {"hmdb51": 72, "ucf101": 187, "kinetics400": 300}
# Cores beside a GPU, GPUs of a machine, clips of a step that a GPU needs to be busy.
_CORES, _MACHINE, _CLIPS = 16, 8, 8
# Share that each doubling of the GPUs of a training keeps; bytes a second of the shared disk.
_DOUBLING, _DISK = 0.95, 10e9
# Videos of a unit: a shard of clips, a block of activations or features. Pixels of a frame.
_SHARD, _BLOCK, _PIXELS = 64, 32, 240 * 340
# More units of a stage than this are simulated as so many larger ones.
_MOST = 2048
_ASSUMED = (
    f"Assumed: {_CORES} cores beside each GPU and {_MACHINE} GPUs a machine; a shared disk of "
    f"{_DISK / 1e9:.0f} GB/s; a training takes a GPU for every {_CLIPS} clips of its batch, on "
    f"one machine, and keeps {_DOUBLING} of its speed at each doubling; frames of {_PIXELS} "
    f"pixels; shards of {_SHARD} videos, blocks of {_BLOCK}; evaluate takes one GPU, probe the "
    "cores of one machine, a process for each tap; Dask and DVC beside the starts of stages cost "
    "nothing."
)


@dataclass
class Stage:
    """A stage to simulate.

    seconds: of a unit. size: bytes that a unit writes. width: GPUs of a unit; 0 for a core. most:
    units at a time. start: seconds before its first unit on a worker.
    """

    kind: str
    needs: tuple[str, ...]
    units: int
    seconds: float
    size: float = 0.0
    width: int = 1
    most: int = 1 << 30
    start: float = 0.0
    left: int = field(init=False)
    under_way: int = field(init=False, default=0)
    began: float = field(init=False, default=0.0)
    ended: float = field(init=False, default=-1.0)

    def __post_init__(self) -> None:
        self.left = self.units


def measure() -> Iterator[str]:
    """The tables, a line at a time."""
    yield _ASSUMED
    for title, videos in (("Poster", poster.VIDEOS), ("Kinetics-400", KINETICS)):
        yield from ("", f"| {title}: GPUs | hours | efficiency | what the last hours wait for |")
        yield "|---|---|---|---|"
        alone = 0.0
        for gpus in GPUS:
            hours, why = simulate(study(videos, gpus), gpus)
            alone = alone or hours
            share = 100 * alone / hours / gpus
            yield f"| {gpus} | {hours:.3g} | {share:.0f} % | {why} |"


def study(videos: Mapping[str, tuple[int, int, int]], gpus: int) -> dict[str, Stage]:
    """The stages of the poster's study on other data sets."""
    settings = poster.poster_settings()
    found: dict[str, Stage] = {}
    for dataset in videos:
        found[f"decode@{dataset}"] = _decode(dataset, sum(videos[dataset][:2]))
    trained = [
        f"finetune@{dataset}-{model}" for dataset in videos for model in settings.study.models
    ]
    for dataset, (train, test, classes) in videos.items():
        for model in settings.study.models:
            counts = (dataset, train, test, classes)
            found |= _of_model(settings, model, counts, gpus, trained)
    start, of_model = _start("report"), speeds.reference()["stages"]["report"]["amounts"]["models"]
    pages = start + of_model["any"] * len(trained)
    found["report"] = Stage("report", tuple(found), 1, pages, width=0)
    return found


def simulate(stages: dict[str, Stage], gpus: int) -> tuple[float, str]:
    """Hours until all is done, and the kinds of stages on the way that took longest."""
    ways = _ways(stages)
    order = sorted(stages, key=lambda name: -ways[name])
    free = {True: gpus, False: gpus * _CORES}
    now, disk, events = 0.0, 0.0, []
    waits = {name: {*stage.needs} for name, stage in stages.items()}
    while True:
        order = [name for name in order if stages[name].left]
        for name in order:
            if not free[True] and not free[False]:
                break
            stage = stages[name]
            gpu, takes = stage.width > 0, max(1, stage.width)
            while stage.left and not waits[name] and free[gpu] >= takes:
                if stage.under_way >= stage.most:
                    break
                if stage.left == stage.units:
                    stage.began = now
                # a worker starts once for all of its units: the first round pays
                begun = stage.units - stage.left
                first = stage.start if begun < min(stage.most, gpus) or stage.units == 1 else 0.0
                disk = max(disk, now) + stage.size / _DISK
                end = max(now + first + stage.seconds, disk if stage.size else 0.0)
                heapq.heappush(events, (end, name))
                stage.left, stage.under_way = stage.left - 1, stage.under_way + 1
                free[gpu] -= takes
        if not events:
            break
        now, name = heapq.heappop(events)
        stage = stages[name]
        stage.under_way -= 1
        free[stage.width > 0] += max(1, stage.width)
        if not stage.left and not stage.under_way:
            stage.ended = now
            for each in waits.values():
                each.discard(name)
    return now / 3600, _why(stages, now)


def _of_model(
    settings: Params, model: str, counts: tuple[str, int, int, int], gpus: int, trained: list[str]
) -> dict[str, Stage]:
    dataset, train, test, classes = counts
    entry = settings.model(model, next(iter(poster.VIDEOS)))
    costs = _costs(dataset, model, (train, test, classes))
    cost = {each.stage: each for each in costs}
    own, whose = f"finetune@{dataset}-{model}", len(settings.study.weights)
    decoded, others = f"decode@{dataset}", tuple(n for n in trained if n.endswith(f"-{model}"))
    width = max(1, min(gpus, _MACHINE, entry.recipe.batch // _CLIPS))
    doublings = width.bit_length() - 1
    name = f"{dataset}-{model}"
    blocks, all_blocks = _units(test, _BLOCK, whose), _units(train + test, _BLOCK, whose)
    cells = _cells(model)
    network = networks.sizes(model, entry.network, entry.input)

    def spread(kind: str, needs: tuple[str, ...], units: int) -> Stage:
        seconds, size = cost[kind].seconds / units, cost[kind].size / units
        return Stage(kind, needs, units, seconds, size, start=_start(kind))

    training = cost["finetune"].seconds / (width * _DOUBLING**doublings) + _start("finetune")
    probed = (train + test) * network.channels * classes / 1e6
    rate = speeds.reference()["stages"]["probe"]["amounts"]["taps"]["any"]
    taps = network.taps
    return {
        own: Stage("finetune", (decoded,), 1, training, width=width),
        f"evaluate@{name}": Stage("evaluate", (own,), 1, cost["evaluate"].seconds),
        f"extract@{name}": spread("extract", others, blocks),
        f"features@{name}": spread("features", others, all_blocks),
        f"noise@{name}": spread("noise", (own,), cells),
        f"probe@{name}": Stage(
            "probe",
            (f"features@{name}",),
            whose * taps,
            probed * rate / taps,
            width=0,
            most=_CORES * _MACHINE,
        ),
    }


def _decode(dataset: str, videos: int) -> Stage:
    rates = speeds.reference()["stages"]["decode"]["amounts"]
    frames = _FRAMES[dataset]
    video = frames / 1e3 * rates["frames"]["any"] + frames * _PIXELS / 1e9 * rates["pixels"]["any"]
    units, size = _units(videos, _SHARD, 1), 0.24 * frames * _PIXELS * videos
    start = _start("decode")
    return Stage("decode", (), units, video * videos / units, size / units, width=0, start=start)


def _units(videos: int, each: int, times: int) -> int:
    return min(_MOST, times * -(-videos // each))


@cache
def _cells(model: str) -> int:
    """Units of noise: cells × repeats, and those that are listened to."""
    settings = poster.poster_settings()
    entry = settings.model(model, next(iter(poster.VIDEOS)))
    units = networks.units(poster.noise_settings(settings, entry), model)
    return units.cells + units.heard


@cache
def _costs(dataset: str, model: str, counts: tuple[int, int, int]) -> list[poster.Cost]:
    return list(poster.costs(poster.poster_settings(), dataset, model, {dataset: counts}))


def _start(kind: str) -> float:
    reference = speeds.reference()
    return reference["stages"][kind]["start"] + reference["dvc_seconds"]


def _ways(stages: Mapping[str, Stage]) -> dict[str, float]:
    """Seconds from the beginning of a stage to the end of the study, all units side by side."""
    readers: dict[str, list[str]] = defaultdict(list)
    for name, stage in stages.items():
        for need in stage.needs:
            readers[need].append(name)
    found: dict[str, float] = {}

    def way(name: str) -> float:
        if name not in found:
            stage = stages[name]
            work = stage.start + stage.seconds * max(1.0, stage.units / 64)
            found[name] = work + max((way(reader) for reader in readers[name]), default=0.0)
        return found[name]

    for name in stages:
        way(name)
    return found


def _why(stages: Mapping[str, Stage], total: float) -> str:
    """Kinds of the stages that follow each other to the end, with their shares of the time."""
    name, seconds = max(stages, key=lambda each: stages[each].ended), defaultdict(float)
    while True:
        stage = stages[name]
        before = max(stage.needs, key=lambda each: stages[each].ended, default=None)
        ready = stages[before].ended if before else 0.0
        seconds[stage.kind] += stage.ended - stage.began
        seconds["GPUs that are busy"] += stage.began - ready
        if before is None:
            break
        name = before
    ranked = sorted(seconds.items(), key=lambda each: -each[1])[:3]
    return ", ".join(f"{kind} {100 * took / total:.0f} %" for kind, took in ranked if took)


if __name__ == "__main__":
    for line in measure():
        print(line, flush=True)
