"""Ivium .idf and .ids, which are refused with the export that works."""

import re

from fitting.readers.source import Source

_MARK = re.compile(rb".{0,8}Version=\d+[#,]", re.DOTALL)


def refuse_ivium(source: Source, data: bytes) -> None:
    """Raise for a data file of IviumSoft."""
    if source.path.suffix.lower() in (".idf", ".ids", ".iviumdata") or _MARK.match(data):
        raise source.error(
            "this is a data file of IviumSoft (.idf, .ids), which is not read; export it there as "
            "text (File > Data > Export ASCII), with the frequency, Z1 and Z2, or with time, "
            "potential and current"
        )
