"""BioLogic EC-Lab: the text export .mpt, and the binary .mpr through galvani."""

import importlib
import io
import re
from collections.abc import Callable
from typing import Any

import numpy as np

from fitting.readers.assemble import spectra_of
from fitting.readers.source import Source
from fitting.readers.tables.delimited import mostly_data
from fitting.readers.tables.headerless import require_spectrum
from fitting.readers.tables.layout import body_of, split
from fitting.readers.tables.table import Table, refuse_long_rows
from fitting.readers.tables.text import lines_of
from fitting.terms.spectrum import Spectrum

MPT_MARKS = ("EC-Lab ASCII FILE", "BT-Lab ASCII FILE")
MPR_MARK = b"BIO-LOGIC MODULAR FILE"
Require = Callable[[Source, list[str], int | None], None]


def read_mpt(source: Source, text: str) -> list[Spectrum]:
    """The spectra of an .mpt."""
    table = mpt_table(source, text, require_spectrum)
    table.find_decimal()
    return spectra_of(source, table, instrument=True)


def mpt_table(source: Source, text: str, require: Require) -> Table:
    """The table of an .mpt: the line `Nb header lines : n` says where the names stand.

    `require` raises if the names are not those of what is wanted.
    """
    lines = lines_of(text)
    count = re.search(r"header lines\s*:\s*([0-9]{1,6})", "\n".join(lines[:10]))
    if count is None:
        raise source.error("the line `Nb header lines : n` is missing; export the file again", 2)
    at = int(count[1]) - 1
    if not 0 < at < len(lines) or not lines[at].strip():
        raise source.error(
            f"the header should have {at + 1} lines, but no column names stand in the last; "
            "export the file again",
            min(at + 1, len(lines)),
        )
    names = split(lines[at], "\t")
    if mostly_data(names):
        raise source.error(
            f"the header should have {at + 1} lines, but the last of them is a row of numbers; "
            "export the file again",
            at + 1,
        )
    require(source, names, at + 1)
    table = Table(names)
    for line, content in body_of(lines, at + 1):
        if content.startswith(MPT_MARKS):
            raise source.error("a second file begins here; split them, one to a file", line)
        table.add(split(content, "\t"), line)
    refuse_long_rows(source, table, at + 1)
    if not table.rows:
        raise source.error("the file has a header and no data; export it again", at + 1)
    return table


def read_mpr(source: Source, data: bytes) -> list[Spectrum]:
    """The spectra of an .mpr, with the optional package galvani."""
    return spectra_of(source, mpr_table(source, data, require_spectrum), instrument=True)


def mpr_table(source: Source, data: bytes, require: Require) -> Table:
    """The table of an .mpr, with the optional package galvani; `require` as in `mpt_table`."""
    if data.count(MPR_MARK) > 1:
        raise source.error("two files are joined in one; split them")
    try:
        reader: Any = importlib.import_module("galvani.BioLogic")
    except ImportError:
        raise source.error(
            "BioLogic's binary .mpr needs the package galvani: pip install jaxmem[formats], or "
            "export the file as text (.mpt)"
        ) from None
    try:
        record = reader.MPRfile(io.BytesIO(data)).data
        names = [str(name) for name in record.dtype.names]
        values = [[repr(float(v)) for v in np.ravel(record[name])] for name in names]
    # Whatever another package does with broken bytes: the user gets one sentence.
    except Exception as e:
        raise source.error(
            f"galvani could not read the file ({type(e).__name__}); export it as text (.mpt)"
        ) from e
    require(source, names, None)
    source.row_word = "point"
    table = Table(names)
    for k, row in enumerate(zip(*values, strict=True)):
        table.add(list(row), k + 1)
    if not table.rows:
        raise source.error("the file has no points; measure or export it again")
    return table
