"""A chapter of the report beyond the fit itself."""

from typing import Any, NamedTuple

from jaxmem.plots.figure import Figure


class Section(NamedTuple):
    """The answer to a question.

    - `key`, `title`: of the record in `fit.json`, and of the chapter of the report.
    - `lines`: the answer in sentences; `table`: rows of text, the first one of heads.
    - `record`: numbers, as plain data; `figure`: if there is one.
    """

    key: str
    title: str
    lines: tuple[str, ...]
    record: dict[str, Any]
    table: tuple[tuple[str, ...], ...] = ()
    figure: Figure | None = None

    @property
    def told(self) -> list[str]:
        """For a terminal: title and sentences."""
        return [f"{self.title}:", *(f"  {line}" for line in self.lines)]
