"""A page of results that stands by itself: a template, numbers, and drawings within it."""

from importlib.resources import files
from typing import Any

import jinja2

from jaxmem.output.numbers import engineering


def render(package: str, template: str, **values: Any) -> str:
    """The page of a template in `package`/templates, which may extend `base.html` of this room.

    The filter `eng` writes a number with its unit: `{{ 1e4 | eng("ohm") }}`.
    """
    folders = [str(files(name) / "templates") for name in (package, "jaxmem.output")]
    environment = jinja2.Environment(loader=jinja2.FileSystemLoader(folders), autoescape=True)
    environment.filters["eng"] = lambda value, unit, digits=4: engineering(value, unit, digits)
    return environment.get_template(template).render(**values)
