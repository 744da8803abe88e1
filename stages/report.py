"""Stage report: figures and one page from the tables of the study at hand."""

from pathlib import Path

from signal_perception import params, paths, stage
from signal_perception.errors import UserError
from signal_perception.report import page, tables
from signal_perception.scratch import whole


def main() -> None:
    settings = params.load(paths.PARAMS)
    names = settings.study.models
    results = [
        tables.read(
            dataset,
            names,
            decode=paths.decode_table(dataset),
            accuracy={model: paths.accuracy(dataset, model) for model in names},
            spectra={model: paths.spectra_table(dataset, model) for model in names},
            noise={model: paths.noise_table(dataset, model) for model in names},
            curves={model: paths.curves(dataset, model) for model in names},
        )
        for dataset in settings.study.datasets
    ]
    if not any(result.accuracy or result.spectra or result.noise for result in results):
        raise UserError(
            "There are no results of this study to report yet; run dvc repro, which runs the stages before."
        )
    shown = {
        heading: params.plain(getattr(settings, heading))
        for heading in ("study", "views", "extract", "spectra", "noise", "report")
    }
    made = page.page(
        results,
        {"seed": {"seed": settings.seed}, **shown},
        statistic=settings.report.statistic,
        point=settings.report.point,
        controls=settings.report.controls,
        dpi=settings.report.dpi,
    )
    for name, picture in made.figures.items():
        whole(paths.FIGURES / name, lambda path, picture=picture: path.write_bytes(picture))
    whole(paths.PAGE, lambda path: path.write_text(made.html, encoding="utf-8"))
    print(f"The report is at {Path(paths.PAGE).resolve()}")


if __name__ == "__main__":
    stage.run(main)
