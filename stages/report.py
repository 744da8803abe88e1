"""Stage report: figures, one page and Table 1 from the tables of the study at hand."""

from signal_perception.pipeline import dvcfile, stage
from signal_perception.pipeline.units import write_atomically
from signal_perception.report.page import page
from signal_perception.report.results import tables
from signal_perception.report.settings import Settings


def main() -> None:
    run = stage.start("report")
    settings = run.settings(Settings)
    made = page.page(tables.read_study(settings.study, dvcfile.stages()), settings)
    folder = f"reports/{settings.study.name}"
    figures, html = run.out(f"{folder}/figures"), run.out(f"{folder}/index.html")
    for name, picture in made.figures.items():
        write_atomically(figures / name, lambda path, picture=picture: path.write_bytes(picture))
    for name, text in made.tables.items():
        target = run.out(f"{folder}/tables") / name
        write_atomically(target, lambda path, text=text: path.write_text(text, encoding="utf-8"))
    write_atomically(html, lambda path: path.write_text(made.html, encoding="utf-8"))
    print(f"The report is at {html.resolve()}")


if __name__ == "__main__":
    stage.run(main)
