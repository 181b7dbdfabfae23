"""Touchstone .s1p of network analysers, which is refused with the export that works."""

import re

from fitting.readers.source import Source

# The words of the option line `# MHz S RI R 50`: unit of the frequency, which parameter, how it is
# written, and the resistance that the numbers are relative to.
_UNITS, _PARAMETERS = {"hz", "khz", "mhz", "ghz"}, set("syzgh")
_FORMATS = {"ri", "ma", "db"}


def refuse_touchstone(source: Source, text: str) -> None:
    """Raise for a Touchstone file: its numbers are relative to a resistance, or reflections."""
    first = next((line for line in text.splitlines() if _is_option_line(line)), None)
    if first or re.fullmatch(r"\.s\d+p", source.path.suffix.lower()):
        options = f" ({first.strip()})" if first else ""
        raise source.error(
            f"this is a Touchstone file of a network analyser{options}, whose numbers are "
            "reflections or relative to a resistance; export the impedance as text: freq_Hz, "
            "Re_Z_ohm, Im_Z_ohm"
        )


def _is_option_line(line: str) -> bool:
    """Whether a line has the words of an option line, two of them at least, and no others."""
    if not line.lstrip().startswith("#"):
        return False
    said = line.strip()[1:].partition("!")[0].lower()
    words = re.sub(r"\br\s+[\d.e+-]+\s*$", "", said).split()
    known = _UNITS | _PARAMETERS | _FORMATS
    return len(words) > 1 and set(words) <= known and bool(set(words) & _FORMATS)
