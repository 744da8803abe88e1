"""The templates of the page, the files that it holds, and what may run in it."""

import base64
import hashlib
from functools import cache
from importlib import resources

import vl_convert
from jinja2 import Environment, PackageLoader, StrictUndefined

from signal_perception.report.results import naming, noise_cells, palette

_PACKAGE = "signal_perception.report.page"
# The page's own code, in the order in which it is put together.
_SCRIPTS = ("csv.js", "charts.js", "tables.js", "page.js")


@cache
def environment() -> Environment:
    """Jinja, with what the templates know by name."""
    made = Environment(
        loader=PackageLoader(_PACKAGE, "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update({"grid": noise_cells.grid_title})
    made.globals.update(name=naming.model)
    return made


@cache
def vega() -> str:
    """Vega, Vega-Lite and Vega-Embed as one script; vl-convert has them, so nothing is loaded."""
    # the package's type stubs take the snippet for required
    return _script(vl_convert.javascript_bundle())  # pyright: ignore[reportCallIssue]


@cache
def script() -> str:
    """The page's own script."""
    folder = resources.files(_PACKAGE)
    return _script("\n".join((folder / name).read_text(encoding="utf-8") for name in _SCRIPTS))


@cache
def style() -> str:
    """The page's style sheet; the colours of charts are variables, which dark mode changes."""
    colours = "".join(
        f"--c-{light.removeprefix('#')}: light-dark({light}, {dark});"
        for light, dark in (palette.DARK | palette.GRID).items()
    )
    ground = f"--ground: light-dark({palette.GROUND['light']}, {palette.GROUND['dark']});"
    own = (resources.files(_PACKAGE) / "page.css").read_text(encoding="utf-8")
    return f":root {{ {ground}{colours} }}\n{own}"


def policy() -> str:
    """The page's Content-Security-Policy: no request, and no script but those two."""
    hashes = (base64.b64encode(hashlib.sha256(s.encode("utf-8")).digest()) for s in _scripts())
    allowed = " ".join(f"'sha256-{each.decode('ascii')}'" for each in hashes)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _scripts() -> tuple[str, str]:
    return vega(), script()


def _script(code: str) -> str:
    """Code for a script element, in a scope of its own; ValueError where it would end it."""
    if "</script" in code.lower() or "<!--" in code:
        raise ValueError("the script holds what ends a script element")
    return f"(() => {{\n{code}\n}})();"
