"""Touchstone .s1p of network analysers, which is refused with the export that works."""

import re

from fitting.readers.source import Source

# The option line: unit of the frequency, which parameter, how it is written, reference resistance.
_OPTIONS = re.compile(
    r"^\s*#(?=.*\b(?:ri|ma|db)\b)\s*(?:[kmg]?hz\s+)?(?:[syzgh]\b|ri\b|ma\b|db\b).*$",
    re.IGNORECASE | re.MULTILINE,
)


def refuse_touchstone(source: Source, text: str) -> None:
    """Raise for a Touchstone file: its numbers are relative to a resistance, or reflections."""
    named = re.fullmatch(r"\.(?:s\d+p|ts)", source.path.suffix.lower())
    if (match := _OPTIONS.search(text[:20_000])) or named:
        options = f" ({match[0].strip()})" if match else ""
        raise source.error(
            f"this is a Touchstone file of a network analyser{options}, whose numbers are "
            "reflections or relative to a resistance; export the impedance as text: freq_Hz, "
            "Re_Z_ohm, Im_Z_ohm"
        )
