"""The door: a path in, spectra out."""

import os
import warnings
from dataclasses import replace

import numpy as np

from fitting.readers.assemble import spectra_of
from fitting.readers.in_time.spice import is_spice, refuse_binary_raw
from fitting.readers.instruments.biologic import MPR_MARK, MPT_MARKS, read_mpr, read_mpt
from fitting.readers.instruments.gamry import DTA_MARKS, read_dta
from fitting.readers.instruments.ivium import refuse_ivium
from fitting.readers.instruments.npz import read_npz
from fitting.readers.instruments.palmsens import is_session, read_session
from fitting.readers.instruments.touchstone import refuse_touchstone
from fitting.readers.instruments.versastudio import is_versastudio, read_par
from fitting.readers.source import NotASpectrum, Source
from fitting.readers.tables.blocks import side_by_side
from fitting.readers.tables.delimited import read_delimited
from fitting.readers.tables.headings import columns, complete, roles
from fitting.readers.tables.table import Table
from fitting.readers.tables.text import decode
from fitting.readers.tables.workbooks import refuse_workbook
from fitting.terms.spectrum import Spectrum


def read_spectra(
    path: str | os.PathLike, *, bias: float | None = None, area: float | None = None
) -> list[Spectrum]:
    """The impedance spectra in a file, with Im Z < 0 where the device is capacitive.

    The format is recognised by the content. Frequencies come out in Hz, impedances in ohm: units
    are read from the header (kHz, rad/s, kohm; `m` is milli, `M` mega), as are a minus sign of
    the imaginary part, or |Z| and a phase in deg or rad. Without a header, three columns are
    frequency, Re Z and Im Z. A repeated frequency is a replicate and is kept.

    A column u, V or I gives the bias, `u` (lower case) being the voltage over the memristor; a
    Spectrum takes one, so u goes before V and V before I. One that was set spectrum by spectrum
    tells spectra apart, as do columns `label`, `spectrum`, `cycle` and the like; of one that was
    measured point by point the median is taken.

    **Arguments:**

    - `path`: the file.
    - `bias`: applied voltage [V] of all spectra in the file, in place of what it says.
    - `area`: of the electrode [m^2], for columns in ohm cm2 or mA/cm2; refused without it.

    **Returns:** the spectra, in the order of the file.

    **Raises:** `ReadError` (a `ValueError`) if the file is not there or is no spectrum; the
    message names the file and the line, what was found, and what to do.

    **Warns:** of what had to be assumed: an imaginary part that may have the other sign, a bias
    that drifts, a run that was aborted.
    """
    if bias is not None and not np.isfinite(bias):
        raise ValueError(f"bias must be a finite voltage [V], got {bias}")
    source = Source.open(path, area)
    spectra = spectra_in(source)
    for note in source.notes:
        warnings.warn(note, stacklevel=2)
    if bias is not None:
        spectra = [replace(s, u=None, I=None, V=float(bias)) for s in spectra]
    return spectra


def spectra_in(source: Source) -> list[Spectrum]:
    """The spectra in a file that was opened; what had to be assumed is added to its `notes`.

    **Raises:** `ReadError`, as `read_spectra` does; `NotASpectrum` if the file looks like a
    recording in time.
    """
    # What overflows is found by the checks for finite values, and refused.
    with np.errstate(all="ignore"):
        return _spectra(source, source.data)


def _spectra(source: Source, data: bytes) -> list[Spectrum]:
    suffix = source.path.suffix.lower()
    if data.startswith(MPR_MARK):
        return read_mpr(source, data)
    refuse_workbook(source, data)
    if data.startswith(b"PK") or (suffix == ".npz" and data):
        return read_npz(source, data)
    refuse_ivium(source, data)
    refuse_binary_raw(source, data)
    text = decode(source, data)
    if text.lstrip().startswith(MPT_MARKS):
        return read_mpt(source, text)
    if text.lstrip().startswith(DTA_MARKS):
        return read_dta(source, text)
    if is_session(text):
        return read_session(source, text)
    if is_spice(text):
        raise source.error("this is a trace of SPICE; read it with read_trace", kind=NotASpectrum)
    if is_versastudio(text):
        return read_par(source, text)
    refuse_touchstone(source, text)
    table = read_delimited(source, text)
    blocks = side_by_side(table, lambda names: complete(roles(columns(names))))
    return [s for block in blocks for s in _numbered(source, block, blocks)]


def _numbered(source: Source, block: Table, blocks: list[Table]) -> list[Spectrum]:
    """The spectra of a block; those of several blocks are numbered."""
    found = spectra_of(source, block)
    if len(blocks) == 1:
        return found
    number = next(k for k, other in enumerate(blocks) if other is block) + 1
    return [replace(s, label=s.label or f"{source.path.stem}, {number}") for s in found]
