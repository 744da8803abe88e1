"""What came of a fault, and the table of all: stage × fault → outcome with counts."""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from tests.faults.runs import Ended
from tests.faults.study import STAGES, Study

EQUAL, REFUSED, WRONG = "equal bytes", "refused by a sentence", "WRONG"
# Names a file that the table of a session is saved in.
SAVED = "SIGNAL_PERCEPTION_FAULTS"
_TRACEBACK = "Traceback (most recent call last)"
# A sentence of ours ends so; some end with a question or with what a library says.
_ENDS = (".", "?", "!")


class Table:
    """Outcomes by stage and fault, counted; what is wrong, in words."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, str], Counter[str]] = {}
        self.wrong: list[str] = []

    def add(self, stage: str, fault: str, outcome: str, count: int = 1) -> None:
        """outcome: EQUAL, REFUSED, or what is wrong, in words."""
        known = outcome in (EQUAL, REFUSED)
        self._counts.setdefault((stage, fault), Counter())[outcome if known else WRONG] += count
        if not known:
            # the number of a process says nothing
            plain = re.sub(r"unfinished-(\w*-)?\d+", "unfinished", outcome)
            self.wrong.append(f"{stage}, {fault}: {plain}")

    def __bool__(self) -> bool:
        return bool(self._counts)

    def check(self, stage: str, fault: str, outcomes: Iterable[str]) -> None:
        """Add all, then fail if any of them is wrong."""
        before = len(self.wrong)
        for outcome in outcomes:
            self.add(stage, fault, outcome)
        wrong = self.wrong[before:]
        assert not wrong, "\n".join(wrong)

    def save(self, file: Path) -> None:
        """Write all that is counted."""
        rows = [[stage, fault, counts] for (stage, fault), counts in self._counts.items()]
        file.write_text(json.dumps({"rows": rows, "wrong": self.wrong}), encoding="utf-8")

    def add_saved(self, file: Path) -> None:
        """Add what another session has counted; nothing where it wrote nothing."""
        if not file.exists():
            return
        saved = json.loads(file.read_text(encoding="utf-8"))
        for stage, fault, counts in saved["rows"]:
            self._counts.setdefault((stage, fault), Counter()).update(counts)
        self.wrong += saved["wrong"]

    def markdown(self) -> str:
        """The table, and under it what went wrong, a line for each way."""
        columns = (EQUAL, REFUSED, WRONG)
        rows = [
            f"| {stage} | {fault} | "
            + " | ".join(str(counts[each] or "") for each in columns)
            + " |"
            for (stage, fault), counts in sorted(self._counts.items(), key=_order)
        ]
        sums = [sum(counts[each] for counts in self._counts.values()) for each in columns]
        head = ["| stage | fault | " + " | ".join(columns) + " |", "|---|---|--:|--:|--:|"]
        total = f"| all | {sum(sums)} faults | " + " | ".join(map(str, sums)) + " |"
        wrong = [f"- {count} × {line}" for line, count in Counter(self.wrong).items()]
        return "\n".join([*head, *rows, total, *wrong])


def _order(row: tuple[tuple[str, str], Counter[str]]) -> tuple[int, str]:
    (stage, fault), _ = row
    return (STAGES.index(stage) if stage in STAGES else len(STAGES), fault)


# Of this session.
TABLE = Table()


def judged(study: Study, kind: str, ended: Ended, *names: str) -> str:
    """EQUAL, REFUSED, or what is wrong with how a run ended.

    names: a refusal has one of them.
    """
    if ended.code == 0:
        return compared(study, kind)
    if (wrong := not_a_sentence(ended)) is not None:
        return wrong
    if names and not any(name in ended.text for name in names):
        return f"a refusal that does not name {names[0]}: {ended.text.strip()[-200:]}"
    return REFUSED


def compared(study: Study, kind: str) -> str:
    """EQUAL, or which outputs are not those of the clean run."""
    found, clean = study.outputs(kind), study.clean[kind]
    other = sorted(
        name for name in found.keys() | clean.keys() if found.get(name) != clean.get(name)
    )
    if other:
        return f"exit code 0 with other bytes in {len(other)} of {len(clean)} files, as {other[0]}"
    if strays := study.strays():
        return f"half-written files are left, as {strays[0]}"
    return EQUAL


def not_a_sentence(ended: Ended) -> str | None:
    """What is wrong with how a run failed; None where it ended with one sentence of its own."""
    tail = " ".join(ended.text.split())[-200:]
    if _TRACEBACK in ended.text:
        lines = ended.text.rpartition(_TRACEBACK)[2].splitlines()[1:]
        # the first line that is not indented names the error
        return f"a traceback: {next((line for line in lines if line[:1].strip()), tail)[:300]}"
    if ended.code < 0 or not ended.text.strip():
        return f"exit code {ended.code} without a sentence: {tail}"
    said = [line for line in ended.text.splitlines() if line.startswith("error in ")]
    if len(said) != 1 or not said[0].endswith(_ENDS):
        return f"{len(said)} sentences: {tail}"
    return None


def after(study: Study, kind: str, outcome: str, again: Ended) -> str:
    """The outcome of a fault, unless the next run, without it, does not give the clean bytes."""
    if outcome not in (EQUAL, REFUSED):
        return outcome
    then = judged(study, kind, again)
    return outcome if then == EQUAL else f"the next run: {_stuck(then, again)}"


def mended(study: Study, kind: str, ended: Ended) -> str:
    """EQUAL, or why a run did not bring the clean bytes: here a refusal is wrong as well."""
    return _stuck(judged(study, kind, ended), ended)


def _stuck(outcome: str, ended: Ended) -> str:
    return f"refused: {' '.join(ended.text.split())[-200:]}" if outcome == REFUSED else outcome


def spread(number: int, count: int) -> Sequence[int]:
    """Numbers from 1 to `number`, `count` of them at most, both ends among them."""
    if number <= count:
        return range(1, number + 1)
    return sorted({1 + round(step * (number - 1) / (count - 1)) for step in range(count)})
