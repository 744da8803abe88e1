"""Minutes and bytes of stages, each with the source of its figure."""

import statistics
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from signal_perception.commands.forecast import counts, networks, speeds, work
from signal_perception.commands.forecast.counts import Counts
from signal_perception.commands.forecast.work import Asked, Work
from signal_perception.pipeline import disk, records
from signal_perception.pipeline.dvcfile import Stage, declared
from signal_perception.pipeline.errors import UserError
from signal_perception.pipeline.params import Params, plain

# The size whose clips per second on a GPU are committed.
_PUBLISHED = "base"


@dataclass(frozen=True)
class Estimate:
    """seconds, size (bytes): None where nothing is known. source: of the figure, in words."""

    stage: str
    seconds: float | None
    size: float | None
    source: str


class Forecast:
    """Estimates for the stages of a study on a machine, from records (`records.read`)."""

    def __init__(
        self,
        params: Params,
        machine: speeds.Machine,
        found: Mapping[str, dict[str, Any]],
        root: Path = Path(),
    ):
        self._params, self._machine, self._root = params, machine, root
        self._rates = speeds.GpuRates(cache(self._published))
        self._counts: dict[str, Counts | UserError] = {}
        self._records = self._usable(found)

    def estimate(self, stage: Stage) -> Estimate:
        """What a stage will take; its matrix is that of dvc.yaml."""
        kind = stage.name.partition("@")[0]
        try:
            found = work.work(self.asked(kind, stage.item, declared(stage, self._root)))
        except UserError as error:
            return Estimate(stage.name, None, None, str(error))
        seconds = self._seconds(kind, stage.item, found, self._machine)
        ratio, size_ratio, source = self._correction(kind, stage.name)
        return Estimate(stage.name, seconds * ratio, found.size * size_ratio, source)

    def overhead(self) -> float:
        """Seconds that DVC itself takes for each stage."""
        return speeds.reference()["dvc_seconds"] * self._machine.factor

    def _correction(self, kind: str, name: str) -> tuple[float, float, str]:
        """What records make of the committed rates: of the time, of the bytes, and which."""
        same = [each for each in self._records if each.kind == kind]
        own = [each for each in same if each.stage == name]
        if own:
            return own[0].ratio, own[0].size_ratio, f"its run of {own[0].finished[:10]}"
        if same:
            runs = "a run" if len(same) == 1 else f"{len(same)} runs"
            ratio = statistics.median(each.ratio for each in same)
            size = statistics.median(each.size_ratio for each in same)
            return ratio, size, f"{runs} of {kind} here"
        if self._machine.gpu:
            return 1.0, 1.0, f"rates of {speeds.reference()['gpu']['name']}"
        return 1.0, 1.0, f"committed rates × {self._machine.factor:.2f}"

    def asked(self, kind: str, item: Mapping[str, Any], values: Mapping[str, Any]) -> Asked:
        dataset, model = item.get("dataset"), item.get("model")
        entry = self._params.model(str(model), str(dataset)) if model else None
        found = self._counts_of(str(dataset)) if dataset else None
        return Asked(kind, item, values, plain(self._params.study), entry, found)

    def _counts_of(self, dataset: str) -> Counts:
        if dataset not in self._counts:
            try:
                self._counts[dataset] = counts.counts(self._params, dataset, self._root)
            except UserError as error:
                self._counts[dataset] = error
        found = self._counts[dataset]
        if isinstance(found, UserError):
            raise found
        return found

    def _seconds(
        self, kind: str, item: Mapping[str, Any], found: Work, machine: speeds.Machine
    ) -> float:
        return speeds.seconds(kind, str(item.get("model", "")), found, machine, self._rates)

    def _published(self, model: str) -> float:
        entry = self._params.entry(model, _PUBLISHED)
        return networks.sizes(model, entry.network, entry.input).forward

    def _usable(self, found: Mapping[str, dict[str, Any]]) -> list["_Record"]:
        return [each for one in found.values() if (each := self._record(one)) is not None]

    def _record(self, one: Mapping[str, Any]) -> "_Record | None":
        """A record against the committed rates; None where it cannot be compared.

        That is of another device, of a run that went on with finished work, or of parameters that
        are no longer known.
        """
        if one.get("device") != self._machine.device:
            return None
        if one.get("processor") not in (None, records.processor()):
            return None
        if any(each.get("before") for each in one.get("work", ())):
            return None
        kind = str(one["stage"]).partition("@")[0]
        try:
            item = _item(one["stage"], self._params)
            asked = self.asked(kind, item, one["params"])
            then = work.work(_then(asked, one, self._root, self._params))
        except (UserError, ValidationError, KeyError, LookupError):
            return None
        processes = max(1, int(one.get("cores") or 1) // int(one.get("lanes") or 1))
        machine = replace(self._machine, processes=processes)
        size = sum(one.get("outputs", {}).values())
        return _Record(
            one["stage"],
            kind,
            one["seconds"] / self._seconds(kind, item, then, machine),
            size / then.size if size and then.size else 1.0,
            str(one.get("finished", "")),
        )


@dataclass(frozen=True)
class _Record:
    """A finished run: how many times as long as by the committed rates, and as many bytes."""

    stage: str
    kind: str
    ratio: float
    size_ratio: float
    finished: str


def _item(name: str, params: Params) -> dict[str, Any]:
    """The matrix values in a stage's name, told by the names that exist; LookupError otherwise."""
    kind, _, rest = name.partition("@")
    if not rest:
        return {}
    if kind == "decode":
        return {"dataset": rest}
    for dataset in _longest(params.datasets):
        for model in _longest(params.models):
            beginning = f"{dataset}-{model}-"
            if rest.startswith(beginning):
                *weights, seed = rest.removeprefix(beginning).rsplit("-", 1)
                item: dict[str, Any] = {"dataset": dataset, "model": model, "seed": seed}
                return item | ({"weights": weights[0]} if weights else {})
    raise LookupError(name)


def _longest(names: Iterable[str]) -> list[str]:
    return sorted(names, key=len, reverse=True)


def _then(asked: Asked, one: Mapping[str, Any], root: Path, params: Params) -> Asked:
    """The stage with as many videos as it had: by the bytes of its clip stores, then and now."""
    if asked.counts is None or not asked.item:
        return asked
    now, then = 0, 0
    for path, size in one.get("inputs", {}).items():
        if path.startswith("data/clips/") and (root / path).exists():
            now, then = now + disk.size(root / path), then + size
    known = counts.decoded(root, asked.item["dataset"], params.decode)
    if not now or known is None:
        return asked
    found = known.scaled(then / now)
    return Asked(asked.stage, asked.item, asked.values, asked.study, asked.entry, found)
