"""The charts and figures of a data set's section, and where in it each of them stands.

A figure that a chart shows is a file beside the page, which the chart's caption names. One that no
chart shows is in the page as a picture, as far as there is room.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from signal_perception.report.charts.chart import Chart
from signal_perception.report.figures.pictures import Picture
from signal_perception.report.page.embedded import Embedded, address

# Bytes of PNG that a page holds at most, so that it stays small enough to be sent by mail.
ROOM = 4_000_000
# With more files than this a caption names their pattern.
_NAMED = 2


@dataclass(frozen=True)
class Still:
    """A figure without a chart. inside: whether the page holds it, or names its file only."""

    id: str
    picture: Picture
    inside: bool


@dataclass(frozen=True)
class Graphics:
    """charts: part of the section → its charts. pictures: all figures, in the order of the page.

    models: those that figures may be of, one each. room: bytes of PNG that the section may hold.
    """

    dataset: str
    models: Sequence[str]
    charts: Mapping[str, Sequence[Chart]]
    pictures: Sequence[Picture]
    room: int = ROOM

    def at(self, name: str) -> list[Embedded | Still]:
        """The chart of this name; or the figure of this name, unless some chart shows it."""
        found = [chart for chart in self._all if chart.name == name]
        if found:
            return [self._embedded(chart) for chart in found]
        return [still for still in self._stills if self._name(still.picture) == name]

    def rest(self, part: str, places: Container[str]) -> list[Embedded]:
        """The charts of a part of the section that stand at none of these places."""
        found = (chart for chart in self.charts.get(part, ()) if chart.name not in places)
        return [self._embedded(chart) for chart in found]

    @property
    def _all(self) -> list[Chart]:
        return [chart for charts in self.charts.values() for chart in charts]

    @cached_property
    def _stills(self) -> list[Still]:
        """The figures without a chart; those that come first have the room."""
        shown = {picture.file for chart in self._all for picture in self._shown(chart)}
        left = [picture for picture in self.pictures if picture.file not in shown]
        found, used = [], 0
        for picture in left:
            used += len(picture.png)
            id = address(self.dataset, self._name(picture))
            found.append(Still(id, picture, used <= self.room))
        return found

    def _embedded(self, chart: Chart) -> Embedded:
        files = [picture.file for picture in self._shown(chart)]
        if len(files) > _NAMED:
            files = [f"{self.dataset}-<model>-{self._figure(chart)}.png"]
        return Embedded(self.dataset, chart, tuple(files))

    def _shown(self, chart: Chart) -> list[Picture]:
        """The figures that a chart shows: that of its name, or one of each model."""
        figure = self._figure(chart)
        names = {figure, chart.name, *(f"{model}-{figure}" for model in self.models)}
        return [picture for picture in self.pictures if self._name(picture) in names]

    def _figure(self, chart: Chart) -> str:
        return chart.figure.removeprefix(f"{self.dataset}-") or chart.name

    def _name(self, picture: Picture) -> str:
        return picture.file.removeprefix(f"{self.dataset}-").removesuffix(".png")
