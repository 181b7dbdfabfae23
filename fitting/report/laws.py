"""The chapter on the paper's laws over the bias."""

import math
from collections.abc import Sequence
from pathlib import Path

from fitting.estimate.element_laws import BiasLaws
from fitting.report.export import plain
from fitting.report.figures.laws import laws_figure
from fitting.report.section import Section
from jaxmem.output.numbers import engineering
from jaxmem.output.table import write_csv


def laws_section(laws: BiasLaws, key: str, title: str, lines: Sequence[str]) -> Section:
    """Sentences, parameters and the figure of the laws; the record is laws.json.

    **Arguments:**

    - `laws`: what was measured and what was fitted. `key`, `title`: of the chapter.
    - `lines`: further sentences, on what to do with them.
    """
    table = [("parameter", "value", "68 % from", "to", "determined")]
    rows = []
    for p in laws.parameters:
        number = lambda x, p=p: engineering(x, p.unit, 4) if math.isfinite(x) else ""
        low, high = (number(p.low), number(p.high)) if p.determined else ("", "")
        word = "yes" if p.determined else f"no: {p.reason}"
        table.append((p.name, number(p.value), low, high, word))
        low, high = (plain(p.low), plain(p.high)) if p.determined else (None, None)
        rows.append(
            {"name": p.name, "unit": p.unit, "value": plain(p.value), "low": low, "high": high,
             "determined": p.determined, "reason": p.reason}
        )  # fmt: skip
    curves = [
        {"name": c.name, "unit": c.unit, "law": c.words.rstrip(","), "holds": c.holds,
         "off": plain(c.off)}
        for c in laws.curves
    ]  # fmt: skip
    told = [*laws.statements(), *lines]
    record = {"sentences": told, "rows": rows, "curves": curves, "used": laws.used, "of": laws.of}
    return Section(key, title, tuple(told), record, tuple(table), laws_figure(laws))


def write_laws(path: Path, laws: BiasLaws) -> None:
    """Write each element at each bias with its interval, and the law's value there, as CSV.

    **Arguments:**

    - `path`: the file. `laws`: what was measured and what was fitted.
    """
    rows = [
        (c.name, c.unit, c.words.rstrip(","), *map(float, values))
        for c in laws.curves
        for values in zip(c.u, c.value, c.low, c.high, c.law, strict=True)
    ]
    write_csv(path, ("element", "unit", "law", "u [V]", "value", "low", "high", "of the law"), rows)
