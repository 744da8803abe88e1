"""The table of contents: the headings that a rendered part of the page has."""

from dataclasses import dataclass, field
from html.parser import HTMLParser


@dataclass(frozen=True)
class Heading:
    """A heading of level h3. id: its address in the page."""

    id: str
    text: str


@dataclass
class Outline(HTMLParser):
    """The headings of HTML with an id, and all ids."""

    headings: list[Heading] = field(default_factory=list)
    ids: set[str] = field(default_factory=set)
    _id: str = ""
    _text: str | None = None

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an id, and the beginning of a heading."""
        own = dict(attrs).get("id") or ""
        if own:
            self.ids.add(own)
        if tag == "h3" and own:
            self._id, self._text = own, ""

    def handle_data(self, data: str) -> None:
        """Take a heading's text."""
        if self._text is not None:
            self._text += data

    def handle_endtag(self, tag: str) -> None:
        """Note a heading that is complete."""
        if tag == "h3" and self._text is not None:
            self.headings.append(Heading(self._id, " ".join(self._text.split())))
            self._text = None


def outline(html: str) -> Outline:
    """What a rendered part of the page can be linked to by."""
    found = Outline()
    found.feed(html)
    return found
