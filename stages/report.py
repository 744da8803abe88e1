"""Stage report: the page and Table 1 from the tables of the study at hand, and what DVC compares.

The page is no output of DVC: it says where and when it was made, and can be written again.
"""

import json

from signal_perception.pipeline import disk, dvcfile, stage
from signal_perception.pipeline.units import write_atomically
from signal_perception.report import plots, summary
from signal_perception.report.page import page, provenance
from signal_perception.report.results import tables
from signal_perception.report.results.depth import Reading
from signal_perception.report.settings import Settings


def main() -> None:
    run = stage.start("report")
    settings, stages = run.settings(Settings), dvcfile.stages()
    results = tables.read_study(settings.study, stages)
    reading = Reading(settings.report.point, settings.report.statistic)
    text = json.dumps(summary.summary(results, reading), indent=2) + "\n"
    write_atomically(run.out("reports/summary.json"), lambda path: path.write_text(text, "utf-8"))
    # an output is there, also where it has nothing in it
    run.out("reports/plots").mkdir(parents=True, exist_ok=True)
    for name, table in plots.plots(results, reading).items():
        target = run.out("reports/plots") / name
        write_atomically(target, lambda path, table=table: table.to_csv(path, index=False))
    made = page.page(results, settings, provenance.facts(stages))
    html = page.place(settings)
    # all of them at once: DVC leaves the folder of an earlier run where it is
    folder = run.scratch.path / "tables"
    folder.mkdir(exist_ok=True)
    for name, text in made.tables.items():
        target = folder / name
        write_atomically(target, lambda path, text=text: path.write_text(text, encoding="utf-8"))
    run.publish({f"{html.parent}/tables": folder})
    # no output of DVC, so nobody else clears away what a killed run left of it
    disk.sweep_beside(html)
    write_atomically(html, lambda path: path.write_text(made.html, encoding="utf-8"))
    print(f"The report is at {html.resolve()}")


if __name__ == "__main__":
    stage.run(main)
