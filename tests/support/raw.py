"""Folders of raw files as users have them, and their catalogues."""

from pathlib import Path
from typing import Literal

import pytest

from signal_perception.decode.catalogue import Catalogue, load_catalogue
from signal_perception.decode.settings import FolderSource, OfficialSource
from signal_perception.pipeline.errors import UserError


def tree(root: Path, *videos: str) -> Path:
    for video in videos:
        (root / video).parent.mkdir(parents=True, exist_ok=True)
        (root / video).write_bytes(b"")
    return root


def listed(root: Path, text: str, name: str = "list.csv", newline: str = "\n") -> Path:
    (root / name).write_text(text, newline=newline)
    return root


def from_folder(
    root: Path, manifest: str | None = None, *, share: float = 0.3, seed: int = 0
) -> Catalogue:
    source = FolderSource(kind="folder", manifest=manifest, test_share=share, seed=seed)
    return load_catalogue("set", source, root)


def from_lists(root: Path, kind: Literal["hmdb51", "ucf101"], split: int = 1) -> Catalogue:
    return load_catalogue("set", OfficialSource(kind=kind, split=split), root)


HEAD = "path,label,split,group\n"
# One training and one test video of class b, in whose company another class is looked at.
COMPANY = "b/1.avi,b,train,\nb/2.avi,b,test,\n"


def refusal_of(root: Path, manifest: str | None = "list.csv") -> str:
    """The sentence that refuses a data set: one line that can be printed."""
    with pytest.raises(UserError) as refusal:
        from_folder(root, manifest)
    sentence = str(refusal.value)
    assert sentence.startswith("Data set set: ") and sentence.endswith(".")
    assert sentence.splitlines() == [sentence] and sentence.isprintable()
    sentence.encode("utf-8")
    assert len(sentence) < 1000
    return sentence
