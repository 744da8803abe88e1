"""Videos made to harm, and machines that fail: each ends in a verdict or in one sentence."""

import os
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from signal_perception.decode import limits, readers, video
from signal_perception.decode.video import Decoded, decode
from tests.support import hostile
from tests.support.videos import moving, write


def _decode(path: Path) -> Decoded:
    return decode(path, short_side=48, max_frames=100)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.mp4", moving(5), "libx264")


# Other files


@pytest.mark.parametrize("kind", hostile.PLAYLISTS)
@pytest.mark.parametrize("suffix", [".avi", ".ts", ".m3u8", ".ans"])
def test_a_playlist_opens_no_other_file(
    good: Path, kind: str, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(video, "decord_frames", _never)
    path = good.with_suffix(suffix)
    path.write_text(hostile.PLAYLISTS[kind].format(good))
    found = _decode(path)
    assert found.verdict.startswith(("refused: none of the formats", "refused: Invalid data found"))


def test_words_of_a_playlist_in_a_video_keep_it_from_decord(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "a.mkv", moving(5), "libx264")
    assert _decode(path).decoder == "decord"
    monkeypatch.setattr(video, "decord_frames", _never)
    content = path.read_bytes()
    # the name of the program that wrote it
    place = content.index(b"Lavf")
    path.write_bytes(content[:place] + b"#EXTM3U" + content[place + 7 :])
    found = _decode(path)
    assert (found.verdict, found.decoder) == ("ok", "pyav")


def _never(_: Path) -> Iterator[int]:
    raise AssertionError("decord was given the file")
    yield 0


@pytest.mark.parametrize("name", ["concat:good.mp4|x.mp4", "subfile,,:good.mp4", "http:x.mp4"])
def test_a_name_that_looks_like_an_address_is_a_name(
    good: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(good.parent)
    Path(name).write_bytes(good.read_bytes())
    assert _decode(Path(name)).verdict == "ok"
    assert next(readers.decord_frames(Path(name))) == 5


# All memory, no end


def test_pictures_that_are_too_large_or_too_long_are_refused_by_their_header(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    side = 5824
    large = write(
        tmp_path / "large.mkv",
        np.zeros((1, side, side, 3), np.uint8),
        "libx264",
        options={"preset": "ultrafast"},
    )
    monkeypatch.setattr(video, "decord_frames", _never)
    monkeypatch.setattr(video, "pyav_frames", _never)
    said = f"refused: the pictures have {side}x{side} pixels, more than {limits.MOST_PIXELS} in all"
    before = psutil.Process().memory_info().rss
    assert _decode(large).verdict == said
    # whatever the header of its container says
    assert _decode(hostile.with_size(large, side, 64, 48)).verdict == said
    assert psutil.Process().memory_info().rss - before < 3 * side * side
    long = write(tmp_path / "long.mkv", np.zeros((1, 8, 100_000, 3), np.uint8), "ffv1")
    said = "refused: the pictures have 100000x8 pixels, a side more than 50 times as long as the"
    assert _decode(long).verdict.startswith(said)


def test_a_first_picture_that_its_header_did_not_announce_is_refused(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other(_: Path) -> Iterator[Any]:
        yield 1
        yield np.zeros((8, 100_000, 3), np.uint8)

    monkeypatch.setattr(video, "decord_frames", other)
    monkeypatch.setattr(video, "pyav_frames", other)
    assert "have 100000x8 pixels" in _decode(good).verdict


def test_an_index_that_leads_to_the_same_bytes_again_and_again_is_refused(tmp_path: Path) -> None:
    path = hostile.repeated_chunks(tmp_path, 2000)
    said = "refused: its packets hold more than the"
    assert _decode(path).verdict.startswith(said)
    assert limits.too_many(5000, 0, 3000).startswith("its packets")
    assert limits.too_many(3000, 3000, 3000) == ""


def test_an_index_that_claims_endless_frames_gets_no_more_memory_than_there_is_for_a_video(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = hostile.endless(tmp_path, 2_000_000)
    monkeypatch.setattr(limits, "_MOST_MEMORY", 2**25)
    before = resource.getrlimit(resource.RLIMIT_DATA)
    assert _decode(path).verdict.startswith("refused: ")
    assert resource.getrlimit(resource.RLIMIT_DATA) == before
    # one within another, as in two threads
    with limits.bounded_memory(path):
        bound = resource.getrlimit(resource.RLIMIT_DATA)
        with limits.bounded_memory(path):
            pass
        assert resource.getrlimit(resource.RLIMIT_DATA) == bound != before
    assert resource.getrlimit(resource.RLIMIT_DATA) == before


def test_decord_holds_no_more_than_2_gib_of_frames(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert limits.fits_ahead(300, 1920 * 1080)
    assert not limits.fits_ahead(300, 3840 * 2160)
    monkeypatch.setattr(limits, "_MOST_AHEAD", 3 * 5 * 64 * 48 - 1)
    found = _decode(good)
    assert (found.verdict, found.decoder) == ("ok", "pyav")


# No file at all


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


def _link(target: str) -> Callable[[Path], None]:
    return lambda path: path.symlink_to(target)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (_pipe, "a pipe, no file"),
        (_socket, "a socket, no file"),
        (_link("/dev/zero"), "a device, no file"),
        (Path.mkdir, "a folder, no file"),
        (_link("nowhere.avi"), "a link that leads nowhere"),
        (_link("x.avi"), "a link that leads nowhere"),
    ],
)
def test_what_is_no_file_is_not_opened(
    tmp_path: Path, make: Callable[[Path], None], why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a socket's path is short
    monkeypatch.chdir(tmp_path)
    make(Path("x.avi"))
    assert _decode(Path("x.avi")).verdict == f"refused: {why}"


def test_a_name_that_no_file_can_have_is_a_verdict(tmp_path: Path) -> None:
    assert _decode(tmp_path / ("x" * 5000)).verdict == "refused: its name is too long"
