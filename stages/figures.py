"""Stage figures: every figure for papers, as PNG and as PDF, from the tables of the study at hand.

A stage beside report, since drawing takes minutes where the study is large.
"""

from signal_perception.pipeline import dvcfile, stage
from signal_perception.pipeline.units import write_atomically
from signal_perception.report.page import page
from signal_perception.report.results import tables
from signal_perception.report.settings import Settings


def main() -> None:
    run = stage.start("figures")
    settings = run.settings(Settings)
    made = page.figures(tables.read_study(settings.study, dvcfile.stages()), settings)
    # all of them at once: DVC leaves the folder of an earlier run where it is
    folder = run.scratch.path / "figures"
    folder.mkdir(exist_ok=True)
    for name, content in made.items():
        write_atomically(folder / name, lambda path, content=content: path.write_bytes(content))
    run.publish({f"reports/{settings.study.name}/figures": folder})


if __name__ == "__main__":
    stage.run(main)
