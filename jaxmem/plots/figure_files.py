"""Figures to files, drawn by this process or, where a command has one, by a second one."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from jaxmem.plots.drawing_process import drawn_apart
from jaxmem.plots.figure import Figure


def save(figure: Figure, folder: Path, name: str, formats: Sequence[str] = ("png", "svg")) -> str:
    """Write a figure as `name.png`, ...

    **Arguments:**

    - `figure`, `folder`: what is written, and where to.
    - `name`: of the files, without an ending; `formats`: their endings, if any are to be written.

    **Returns:** the figure as SVG for a page, without the XML prologue that HTML has no place for.
    """
    files = drawn_apart(figure, formats)
    if files is None:
        # matplotlib is imported when something is drawn.
        from jaxmem.plots.drawing import drawn_files

        files = drawn_files(figure, formats)
    for ending in formats:
        (folder / f"{name}.{ending}").write_bytes(files[ending])
    text = files["svg"].decode()
    return text[text.index("<svg") :]


class Saved(NamedTuple):
    """What became of figures that were to be saved.

    - `drawn`: the SVG of each, by name; empty where it could not be drawn.
    - `problems`: why, in words.
    - `cut`: whether Ctrl-C ended it; those that were left are not drawn.
    """

    drawn: dict[str, str]
    problems: list[str]
    cut: bool


def save_all(
    makes: Mapping[str, Callable[[], Figure]],
    folder: Path,
    formats: Sequence[str] = ("png", "svg"),
) -> Saved:
    """As `save`, of the figures that functions make; a figure must not cost the numbers.

    **Arguments:**

    - `makes`: what makes each figure, by its name. `folder`, `formats`: see `save`.
    """
    drawn, problems = dict.fromkeys(makes, ""), []
    for k, (name, make) in enumerate(makes.items()):
        try:
            drawn[name] = save(make(), folder, name, formats)
        except Exception as error:
            what = f"{type(error).__name__}: {error}"
            problems.append(f"The figure {name} could not be drawn ({what}).")
        except KeyboardInterrupt:
            left = len(makes) - k - 1
            more = f", and {left} more not drawn" if left else ""
            problems.append(f"The figure {name} was interrupted{more}.")
            return Saved(drawn, problems, True)
    return Saved(drawn, problems, False)


def save_if_possible(
    make: Callable[[], Figure],
    folder: Path,
    name: str,
    formats: Sequence[str] = ("png", "svg"),
) -> tuple[str, str]:
    """As `save_all`, of one figure: its SVG and an empty text, or an empty one and why."""
    saved = save_all({name: make}, folder, formats)
    return saved.drawn[name], "".join(saved.problems)
