"""Spectra to a CSV that `read_spectra` reads back exactly."""

import os
import unicodedata
from collections.abc import Sequence

import numpy as np

from fitting.readers.sweeps import there_and_back
from fitting.terms.spectrum import Spectrum
from jaxmem.output.table import write_csv

# column: field of the Spectrum
_OPTIONAL = {
    "u_V": "u",
    "V_V": "V",
    "I_A": "I",
    "label": "label",
    "time_s": "time",
    "temperature_K": "temperature",
    "sigma_ohm": "sigma",
}
# Where real and imaginary part have standard deviations of their own.
_OF_PARTS = {"sigma_Re_ohm": 0, "sigma_Im_ohm": 1}


def write_spectra_csv(path: str | os.PathLike, spectra: Sequence[Spectrum]) -> None:
    """Write spectra to one CSV in UTF-8, with all digits.

    The columns are freq_Hz, Re_Z_ohm and Im_Z_ohm; for several spectra, or several sweeps in one,
    `spectrum`, which counts them from 0; and u_V, V_V, I_A, label, time_s, temperature_K and
    sigma_ohm (or sigma_Re_ohm and sigma_Im_ohm) where any spectrum has them. A cell is empty where
    its spectrum has no value.

    **Arguments:**

    - `path`: the file to write; one that exists is replaced.
    - `spectra`: at least one, each with a point; `source` is not written. `read_spectra` refuses
      those with fewer than four distinct frequencies.

    **Raises:** `ValueError` if there is no spectrum or point, or if a label has control
    characters or half of a surrogate pair, which no text file holds.
    """
    spectra = list(spectra)
    if not spectra or not all(len(s.freq) for s in spectra):
        raise ValueError("there is no spectrum, or one without points: nothing to write")
    for s in spectra:
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in s.label):
            raise ValueError(f"the label {s.label!r} has characters that no CSV cell can hold")
    empty = lambda value: value is None or (isinstance(value, str) and not value)
    kept = {
        name: field
        for name, field in _OPTIONAL.items()
        if not all(empty(getattr(s, field)) for s in spectra)
    }
    if any(s.sigma is not None and s.sigma.ndim == 2 for s in spectra):
        del kept["sigma_ohm"]
        kept |= dict.fromkeys(_OF_PARTS, "sigma")
    # Sweeps within one spectrum would be told apart without it.
    several = len(spectra) > 1 or any(there_and_back(s.freq).any() for s in spectra)
    counted = ["spectrum"] if several else []
    rows = []
    for k, s in enumerate(spectra):
        extra = [_column(s, field, _OF_PARTS.get(name)) for name, field in kept.items()]
        for j in range(len(s.freq)):
            point = [float(s.freq[j]), float(s.Z[j].real), float(s.Z[j].imag)]
            number = [k] if counted else []
            rows.append([*point, *number, *(values[j] for values in extra)])
    names = ["freq_Hz", "Re_Z_ohm", "Im_Z_ohm", *counted, *kept]
    write_csv(path, names, rows, quote_text=True)


def _column(s: Spectrum, field: str, part: int | None) -> list:
    """The cells of one optional column for one spectrum; `part` 0 is of Re Z, 1 of Im Z."""
    value = getattr(s, field)
    if value is None:
        return [""] * len(s.freq)
    if field == "label":
        return [value] * len(s.freq)
    if part is not None:
        value = np.broadcast_to(value, (2, len(s.freq)))[part]
    return np.broadcast_to(np.asarray(value, float), s.freq.shape).tolist()
