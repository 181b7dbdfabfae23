"""All settings of a fit as a page, from their declaration."""

from collections.abc import Mapping

from fitting.study.spec import KINDS, SETTINGS
from jaxmem.settings import Setting


def settings_table() -> str:
    """All settings as tables in Markdown: keys of a specification, and options of `jaxmem fit`."""
    parts = ["## Settings", "", *_rows(SETTINGS)]
    for name, kind in KINDS.items():
        parts += ["", f"## `[[{name}]]`", "", kind.help, "", *_rows(kind.settings)]
    return "\n".join(parts) + "\n"


def _rows(settings: Mapping[str, Setting]) -> list[str]:
    rows = ["| key | option | value | default | meaning |", "|---|---|---|---|---|"]
    for s in settings.values():
        option = f"`--{s.option}`" if s.option else ""
        unit = f" [{s.unit}]" if s.unit else ""
        default = "" if s.default in (None, (), {}) else f"`{s.default}`"
        rows.append(f"| `{s.name}` | {option} | {s.words}{unit} | {default} | {s.help}. |")
    return rows
