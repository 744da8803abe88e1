"""Where and with what a page was made, and whether it is still the page of what is there."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest

from signal_perception.commands import page as command
from signal_perception.report.page import origins, provenance
from signal_perception.report.page.digest import digest, is_current
from signal_perception.report.page.provenance import StageRun, facts
from tests.support.pages import make_settings
from tests.support.results import decode_table, results

UNKNOWN = "unknown: the project is no Git repository, or Git is not installed"


def _git(folder: Path, *arguments: str) -> None:
    names = ("-c", "user.name=a", "-c", "user.email=a@b")
    subprocess.run(["git", *names, *arguments], cwd=folder, check=True, capture_output=True)


def test_the_revision_says_whether_the_code_differs_from_it(tmp_path: Path) -> None:
    assert provenance.revision(tmp_path) == UNKNOWN
    (tmp_path / "src").mkdir()
    (tmp_path / "src/code.py").write_text("", encoding="utf-8")
    _git(tmp_path, "init")
    _git(tmp_path, "add", ".")
    _git(tmp_path, "commit", "-m", "first")
    found = provenance.revision(tmp_path)
    assert len(found) == 40
    # what is reported is no code
    (tmp_path / "reports.csv").write_text("1", encoding="utf-8")
    assert provenance.revision(tmp_path) == found
    (tmp_path / "src/code.py").write_text("1", encoding="utf-8")
    assert provenance.revision(tmp_path) == f"{found}, with changes that are not committed"


def test_without_git_the_revision_is_unknown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.revision(tmp_path) == UNKNOWN


def test_a_stage_tells_of_its_last_run_on_this_machine(tmp_path: Path) -> None:
    told = {
        "stage": "noise@shapes-swin-0",
        "seconds": 90,
        "device": "cpu",
        "processor": "a processor",
        "git_revision": "0123456789abcdef",
        "versions": {},
        "finished": "2026-01-02T03:04:05+00:00",
    }
    folder = tmp_path / "logs/stages"
    folder.mkdir(parents=True)
    (folder / "noise@shapes-swin-0.json").write_text(json.dumps(told), encoding="utf-8")
    (folder / "half.json").write_text('{"stage": "rep', encoding="utf-8")
    found = facts(["report", "noise@shapes-swin-0"], tmp_path)
    when = "2026-01-02T03:04:05+00:00"
    assert repr(found.stages[0]) == repr(StageRun("report"))
    assert found.stages[1] == StageRun("noise@shapes-swin-0", 90, "a processor", "0123456789", when)
    assert found.software["numpy"][0].isdigit()


def test_the_hash_of_the_data_is_of_the_frames_that_were_decoded() -> None:
    table = decode_table()
    one = origins.frames_hash(table)
    assert one == origins.frames_hash(table.iloc[::-1])
    assert one != origins.frames_hash(table.assign(frames_hash="22" * 32))
    (row,) = origins.videos(results()).rows
    split, videos, dropped, frames = (cell.text for cell in row.cells)
    # the refused video has no frames
    assert (split, videos, dropped) == ("test", "2", "1")
    assert frames == origins.frames_hash(table.iloc[:2])


def test_the_weights_of_every_run_are_named() -> None:
    two = results().accuracy["i3d"] | {"weights_sha256": "aa bb"}
    made = origins.weights(replace(results(), accuracy={"i3d": two}))
    assert [[cell.text for cell in row.cells] for row in made.rows] == [
        ["I3D", "aa"],
        ["I3D", "bb"],
    ]


def test_a_page_is_current_until_a_number_or_a_setting_changes(tmp_path: Path) -> None:
    path, here, settings = tmp_path / "index.html", results(), make_settings()
    assert not is_current(path, [here], settings)
    written = f'<head>\n<meta name="digest" content="{digest([here], settings)}">'
    path.write_text(written, encoding="utf-8")
    assert is_current(path, [results()], make_settings())
    assert not is_current(path, [here, here], settings)
    assert not is_current(path, [here], make_settings(noise={"bootstrap": 201}))
    table = here.noise["timesformer_divided"]
    table = table.assign(top1_mean=table["top1_mean"] + 1e-12)
    assert not is_current(path, [replace(here, noise={"timesformer_divided": table})], settings)
    other = replace(here, decode=pd.concat([decode_table(), decode_table()]))
    assert not is_current(path, [other], settings)


def test_the_command_writes_a_page_that_is_missing_or_old_or_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    settings, here = make_settings(), results()
    written: list[str] = []

    def made(parts, given, facts) -> SimpleNamespace:
        written.append(given.study.name)
        head = f'<meta name="digest" content="{digest(parts, given)}">'
        return SimpleNamespace(html=head)

    started = SimpleNamespace(settings=lambda schema: settings)
    monkeypatch.setattr(command.stage, "start", lambda name: started)
    monkeypatch.setattr(command.dvcfile, "stages", dict)
    monkeypatch.setattr(command.tables, "read_study", lambda study, stages: [here])
    monkeypatch.setattr(command.page, "page", made)
    path = command.up_to_date()
    assert path == Path("reports/mine/index.html") and path.is_file()
    command.up_to_date()
    assert len(written) == 1
    command.up_to_date(anew=True)
    assert len(written) == 2
    path.write_text("old", encoding="utf-8")
    command.up_to_date()
    assert len(written) == 3
