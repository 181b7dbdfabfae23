"""NumPy archives: arrays of frequencies and impedances under the usual names."""

import io
import math
import warnings
import zipfile
from typing import Any

import numpy as np

from fitting.readers.assemble import DEVIATIONS, DOUBTED, refuse_duplicates, sigma_of
from fitting.readers.grouping import LEAST_FREQUENCIES
from fitting.readers.source import ReadError, Source
from fitting.readers.tables.headings import Column, columns, roles
from fitting.readers.tables.table import per_area
from fitting.terms.spectrum import Spectrum

# Arrays of more bytes are no spectra: ten thousand spectra of a thousand points take 160 MB.
MOST_BYTES = 2**29
_KEYS = "freq or omega, and Z (complex) or Re and Im"


def read_npz(source: Source, data: bytes) -> list[Spectrum]:
    """The spectra of an .npz: frequencies (n,), impedances (n,) or, for k spectra, (n, k).

    Keys are read as the names of columns: `freqs`, `omega`, `f_kHz`, `Re`, `-Im`, a complex `Z`,
    |Z| and phase, `sigma`; of one value for each spectrum also `u`, `V`, `I`, `t_hours`, `T_K`.
    """
    arrays = _load(source, data)
    by_role = roles(columns(list(arrays)))
    refuse_duplicates(source, by_role)
    numeric = lambda column: _numbers(source, column, arrays)
    if "freq" not in by_role:
        raise _missing(source, "frequency", arrays)
    freq = numeric(by_role["freq"][0])
    if freq.ndim != 1 or not (np.isfinite(freq) & (freq > 0)).all():
        raise source.error(
            f"{by_role['freq'][0].name} must be a vector of positive, finite frequencies, one for "
            f"each row of the impedances; it has shape {freq.shape}"
        )
    if len(np.unique(freq)) < LEAST_FREQUENCIES:
        raise source.error(
            f"{len(np.unique(freq))} distinct frequencies are too few, and {LEAST_FREQUENCIES} are "
            "the least; measure more points"
        )
    Z, known = _impedance(source, by_role, arrays, numeric)
    Z = _by_frequency(source, Z, len(freq))
    if not np.isfinite(Z).all():
        at = tuple(int(i) for i in np.argwhere(~np.isfinite(Z))[0])
        raise source.error(f"the impedance at index {at} is not finite; correct or remove it")
    positive = int((np.imag(Z) > 0).sum())
    if not known and positive >= DOUBTED * Z.size:
        source.note(
            f"Im Z is taken as the file has it and is positive (inductive) at {positive} of "
            f"{Z.size} points; if the file holds -Im Z, name the array -Im"
        )
    each = {
        role: _each(source, by_role[role][0], numeric, Z.shape[1])
        for role in ("u", "V", "I", "time", "temperature")
        if role in by_role
    }
    deviations = {
        role: _deviations(source, by_role[role][0], numeric, Z) for role in DEVIATIONS
        if role in by_role
    }  # fmt: skip
    bias = next((role for role in ("u", "V", "I") if role in each), None)
    biases: list[dict[str, Any]] = [
        {} if bias is None else {bias: float(each[bias][k])} for k in range(Z.shape[1])
    ]
    several = Z.shape[1] > 1
    return [
        Spectrum(
            freq,
            Z[:, k],
            **biases[k],
            sigma=sigma_of(source, {role: a[:, k] for role, a in deviations.items()}),
            label=f"{source.path.stem}, {k}" if several else "",
            source=str(source.path),
            temperature=float(each["temperature"][k]) if "temperature" in each else None,
            time=float(each["time"][k] - each["time"][0]) if "time" in each else None,
        )
        for k in range(Z.shape[1])
    ]


def _load(source: Source, data: bytes) -> dict[str, np.ndarray]:
    # An archive ends with its directory; the first of two would be passed over.
    end = data.find(b"PK\x05\x06")
    if data.count(b"PK\x05\x06") > 1 or (end > 0 and len(data) > end + 22):
        raise source.error("something follows the archive; if the file is two in one, split it")
    try:
        with warnings.catch_warnings():
            # What numpy remarks on old or odd headers is no news to the user.
            warnings.simplefilter("ignore")
            size = _declared_bytes(data)
            if size > MOST_BYTES:
                raise source.error(
                    f"its arrays would take {size / 2**20:,.0f} MiB, and {MOST_BYTES / 2**20:,.0f} "
                    "MiB are the most; save a part of them"
                )
            with np.load(io.BytesIO(data), allow_pickle=False) as archive:
                names = list(archive.files)
                return {name: np.asarray(archive[name]) for name in names}
    except ReadError:
        raise
    # A broken archive raises a dozen types, from zipfile, zlib, struct and numpy.
    except Exception as e:
        raise source.error(
            f"the file is no whole .npz archive of numbers ({type(e).__name__}); copy or save it "
            "again with numpy.savez"
        ) from e


def _declared_bytes(data: bytes) -> int:
    """How many bytes the arrays of an archive take, by what their headers declare.

    Nothing is unpacked for this but the headers: what is packed says little of what it unpacks to.
    """
    size = 0
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        for member in archive.infolist():
            size += member.file_size
            with archive.open(member) as part:
                if part.read(6) != np.lib.format.MAGIC_PREFIX:
                    continue
                version = tuple(part.read(2))
                read = np.lib.format.read_array_header_2_0
                if version == (1, 0):
                    read = np.lib.format.read_array_header_1_0
                shape, _, kind = read(part)
                size = max(size, math.prod(shape) * kind.itemsize)
    return size


def _missing(source: Source, what: str, arrays):
    keys = ", ".join(list(arrays)[:12]) or "none"
    return source.error(f"no array for {what}; the keys are {keys}, give {_KEYS}")


def _numbers(source: Source, column: Column, arrays: dict[str, Any]) -> np.ndarray:
    values = arrays[column.name]
    if values.dtype.kind not in "fiu":
        raise source.error(f"{column.name} has type {values.dtype}; save it as real numbers")
    with np.errstate(over="ignore"):
        return (values.astype(float) * column.factor + column.offset) * per_area(source, column)


def _impedance(source: Source, by_role, arrays, numeric) -> tuple[np.ndarray, bool]:
    """Z and whether its sign is beyond doubt."""
    for column in by_role.get("mod", []):
        if arrays[column.name].dtype.kind == "c":
            return arrays[column.name].astype(complex) * (
                column.factor * per_area(source, column)
            ), True
    pair = [by_role[r][0] for r in ("re", "im") if r in by_role]
    polar = [by_role[r][0] for r in ("mod", "phase") if r in by_role]
    chosen = pair if len(pair) == 2 else polar
    if len(chosen) < 2:
        raise _missing(source, "the impedance", arrays)
    first, second = (numeric(column) for column in chosen)
    if first.shape != second.shape:
        raise source.error(
            f"{chosen[0].name} has shape {first.shape} and {chosen[1].name} {second.shape}; they "
            "must have one shape"
        )
    if chosen is pair:
        return first + 1j * second, chosen[1].negative
    if chosen[1].unit is None:
        raise source.error(f"{chosen[1].name} needs its unit: rename it phase_deg or phase_rad")
    angle = second if chosen[1].unit == "rad" else np.deg2rad(second)
    return first * np.exp(1j * angle), chosen[1].negative


def _by_frequency(source: Source, Z: np.ndarray, n: int) -> np.ndarray:
    """Z as (n, k)."""
    if Z.ndim == 1 and len(Z) == n:
        return Z[:, None]
    if Z.ndim == 2 and n in Z.shape and Z.size:
        if Z.shape == (n, n):
            source.note("as many spectra as frequencies: the first axis is taken as frequency")
        return Z if Z.shape[0] == n else Z.T
    raise source.error(
        f"the impedance has shape {Z.shape} for {n} frequencies; give ({n},) or ({n}, spectra)"
    )


def _deviations(source: Source, column: Column, numeric, Z: np.ndarray) -> np.ndarray:
    """Standard deviations [ohm] of each point of each spectrum, as Z is."""
    values = np.broadcast_to(_by_frequency(source, numeric(column), len(Z)), Z.shape)
    return values * np.abs(Z) if column.measured_in == "%" else values


def _each(source: Source, column: Column, numeric, k: int) -> np.ndarray:
    """One finite value for each of the k spectra."""
    values = numeric(column)
    if values.ndim == 0:
        values = np.full(k, values)
    if values.shape != (k,) or not np.isfinite(values).all():
        raise source.error(
            f"{column.name} must have one finite value for each of the {k} spectra; it has shape "
            f"{values.shape}"
        )
    return values
