"""Machines that fail while a video is read: the run ends, and nothing is said of the video."""

import errno
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import av.error
import psutil
import pytest

from signal_perception.decode import limits, machine, packets, readers, run, video
from signal_perception.decode.video import Decoded, decode
from signal_perception.pipeline.errors import UserError
from tests.decode.test_run import SETTINGS, _table, _written
from tests.support.videos import moving, write


def _decode(path: Path) -> Decoded:
    return decode(path, short_side=48, max_frames=100)


@pytest.fixture
def good(tmp_path: Path) -> Path:
    return write(tmp_path / "good.mp4", moving(5), "libx264")


FAULTS = ("EIO", "EMFILE", "ENFILE", "ENOMEM", "ENOSPC", "EACCES", "EPERM", "ESTALE", "ETIMEDOUT")


@pytest.mark.parametrize("name", FAULTS)
def test_what_the_system_says_at_reading_a_file_is_no_verdict(
    good: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = getattr(errno, name)

    def fail(path: Path, *_: object) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "open", fail)
    said = rf"good\.mp4 could not be read: {os.strerror(number)}; that is no fault of the video"
    with pytest.raises(UserError, match=said):
        _decode(good)
    with pytest.raises(UserError, match=said):
        video.refuse(good, "the decoder crashes")


def test_too_many_open_files_are_no_verdict(good: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = machine.file_hash(good)
    with _no_more_files(), pytest.raises(UserError, match="Too many open files"):
        _decode(good)
    monkeypatch.setattr(machine, "file_hash", lambda _: sha256)
    with _no_more_files(), pytest.raises(UserError, match="Too many open files"):
        _decode(good)
    # likewise where it is FFmpeg that says so
    monkeypatch.setattr(limits, "bounded_memory", nullcontext)
    with _no_more_files(), pytest.raises(UserError, match="Too many open files"):
        _decode(good)


@contextmanager
def _no_more_files() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    number = os.open("/dev/null", os.O_RDONLY)
    os.close(number)
    resource.setrlimit(resource.RLIMIT_NOFILE, (number, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_too_little_memory_is_no_verdict(tmp_path: Path) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("I am not a film.\n" * 50)
    assert _decode(path).verdict.startswith("refused: Invalid data")
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    used = psutil.Process().memory_info().data
    resource.setrlimit(resource.RLIMIT_DATA, (used + 2**26, hard))
    try:
        with pytest.raises(UserError, match=r"text\.mp4 could not be read: Cannot allocate memory"):
            _decode(path)
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def test_what_ffmpeg_says_of_content_is_a_verdict_though_a_machine_may_say_it_too(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = av.error.OSError(errno.EIO, "Input/output error", str(good))
    opens, answers = av.open, [told]

    def say(*arguments: Any, **named: Any) -> Any:
        if answers:
            raise answers[0]
        return opens(*arguments, **named)

    monkeypatch.setattr(packets.av, "open", say)
    assert _decode(good).verdict == "refused: Input/output error"
    # said once alone, it was not the content
    monkeypatch.setattr(machine, "refuse_scarcity", lambda _: answers.clear())
    with pytest.raises(UserError, match="gave 'refused: Input/output error', then 'ok'"):
        _decode(good)
    # a file that cannot be read whole was not judged by its content
    answers.append(told)
    monkeypatch.setattr(machine, "refuse_scarcity", lambda path: path.unlink())
    with pytest.raises(UserError, match=r"good\.mp4 could not be read: No such file"):
        _decode(good)


def test_a_file_that_changes_while_it_is_decoded_is_not_judged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "text.mp4"
    path.write_text("I am not a film.\n")
    monkeypatch.setattr(machine, "refuse_scarcity", lambda path: path.write_text("Nor am I.\n"))
    with pytest.raises(UserError, match="content changed while it was decoded"):
        _decode(path)


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EIO, "Input/output error")])
@pytest.mark.parametrize("place", ["open_video", "recount", "decord_frames"])
def test_no_step_of_decoding_takes_a_fault_of_the_machine_for_the_content(
    tmp_path: Path, error: Exception, place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # two equal frames, so that PyAV counts again
    pictures = moving(5)
    pictures[3] = pictures[2]
    path = write(tmp_path / "a.mp4", pictures, "libx264", options={"crf": "0"})

    def fail(*_: object) -> Any:
        raise error

    def fail_at_a_frame(_: Path) -> Iterator[int]:
        yield 5
        raise error

    if place == "decord_frames":
        monkeypatch.setattr(video, place, fail_at_a_frame)
    else:
        monkeypatch.setattr(packets if place == "open_video" else readers, "open_video", fail)
    with pytest.raises(UserError, match=r"a\.mp4 could not be read"):
        _decode(path)


def test_scarcity_at_decord_is_not_hidden_by_pyav(
    good: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def starve(_: Path) -> Iterator[int]:
        # from now on
        monkeypatch.setattr(Path, "open", _too_many)
        raise RuntimeError("decord cannot open the file")
        yield 0

    monkeypatch.setattr(video, "decord_frames", starve)
    with pytest.raises(UserError, match="Too many open files"):
        _decode(good)


def _too_many(path: Path, *_: object) -> None:
    raise OSError(errno.EMFILE, "Too many open files", str(path))


FAILING = "grows/train_0000.mp4"
_decode_shard = run.decode_shard


def _decode_shard_on_a_bad_disk(
    shard: run.Shard, path: Path, *, settings: Any, folder: Path, **others: Any
) -> None:
    hashed = machine.file_hash

    def fail(file: Path) -> str:
        if str(file).endswith(FAILING) and not (folder / "mended").exists():
            raise machine.fault(OSError(errno.EIO, "Input/output error"), file)
        return hashed(file)

    machine.file_hash = fail
    try:
        _decode_shard(shard, path, settings=settings, folder=folder, **others)
    finally:
        machine.file_hash = hashed


def test_a_worker_s_fault_ends_the_run_and_the_next_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "decode_shard", _decode_shard_on_a_bad_disk)
    found = _written(tmp_path / "raw")
    shards = run.plan(found, SETTINGS.shard, tmp_path)
    # another shard first
    shards = [*shards[1:], shards[0]]
    with pytest.raises(UserError, match=rf"{FAILING} could not be read: Input/output error"):
        run.decode_shards(shards, SETTINGS, tmp_path, label="decode")
    kept = [shard.finished for shard in shards]
    assert any(kept) and not all(kept)
    (tmp_path / "mended").touch()
    run.decode_shards(shards, SETTINGS, tmp_path, label="decode")
    assert set(_table(shards, found)["verdict"]) == {"ok"}
