"""The commands and the Python that README and docs show."""

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from tests.support.project import ROOT

DOCUMENTS = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md")))

_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:signal-perception|dvc|make|python -m benchmarks) [^`]+)`", re.DOTALL)
_VARIABLE = re.compile(r"[A-Z_]+=.*")


@dataclass(frozen=True)
class Shown:
    """A command as a document shows it: its variables, and its words; `fenced`: in a block."""

    document: str
    variables: tuple[str, ...]
    words: tuple[str, ...]
    fenced: bool

    def __str__(self) -> str:
        return f"{self.document}: {' '.join(self.words)}"


def commands(path: Path) -> list[Shown]:
    """All commands of a document, blocks of shell first, then those inside sentences."""
    text = path.read_text(encoding="utf-8")
    blocks = [body for language, body in _FENCE.findall(text) if language == "sh"]
    fenced = [line for body in blocks for line in body.replace("\\\n", " ").splitlines()]
    without = _FENCE.sub("", text)
    inline = [" ".join(found.split()) for found in _INLINE.findall(without)]
    shown = [(line, True) for line in fenced] + [(line, False) for line in inline]
    return [found for line, is_fenced in shown if (found := _shown(path.name, line, is_fenced))]


def python(path: Path) -> list[str]:
    """The blocks of Python of a document."""
    text = path.read_text(encoding="utf-8")
    return [body for language, body in _FENCE.findall(text) if language == "python"]


def _shown(document: str, line: str, fenced: bool) -> Shown | None:
    words = shlex.split(line, comments=True)
    count = next((n for n, word in enumerate(words) if not _VARIABLE.fullmatch(word)), len(words))
    if count == len(words):
        return None
    return Shown(document, tuple(words[:count]), tuple(words[count:]), fenced)
