"""The files of a specification as terms of a fit, checked on the way."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fitting.readers import ReadError, read_recordings, read_spectra
from fitting.readers.traces import trace_of
from fitting.study.spec import Entry, Spec
from fitting.terms.checked import Checked
from fitting.terms.curve import SteadyCurve
from fitting.terms.linear_kk import kramers_kronig
from fitting.terms.noise_model import Noise, proportional
from fitting.terms.spectrum import Spectrum
from fitting.terms.spikes import Spikes
from fitting.terms.trace import Trace
from jaxmem.circuits import parse_drive

# Fewer frequencies than these say nothing of a circuit.
LEAST_FREQUENCIES = 4
Tell = Callable[[str, int, int], None]


class Loaded(NamedTuple):
    """What the files of a specification hold, and what had to be assumed, in words."""

    measured: list[Checked]
    notes: list[str]

    @property
    def terms(self) -> list[Any]:
        """What is fitted."""
        return [m.fitted for m in self.measured]


def load(spec: Spec, tell: Tell = lambda stage, done, total: None) -> Loaded:
    """Read every file, leave out what is not to be fitted, and check the spectra.

    **Raises:** `ReadError` (a `ValueError`) for a file that is not what it should be.
    """
    spectra: list[tuple[Spectrum, float, float]] = []
    traces, curves, notes = [], [], []
    spikes = [_spikes(entry) for entry in spec.entries if entry.kind == "spikes"]
    for entry in spec.entries:
        if entry.file is None:
            continue
        o = entry.options
        if entry.kind == "spectra":
            ends = (float(o.get("min_freq", 0.0)), float(o.get("max_freq", np.inf)))
            spectra += [(s, *ends) for s in _spectra(entry, notes)]
        elif entry.kind == "trace":
            traces += _traces(entry, notes)
        else:
            curves += _curves(entry, notes)
    measured = []
    for k, (s, low, high) in enumerate(spectra):
        tell("checking", k, len(spectra))
        fitted = s.within(low, high)
        left = np.unique(fitted.freq).size
        if left < LEAST_FREQUENCIES:
            raise ReadError(
                f"{s.name}: {left} frequencies lie between {low:g} and {high:g} Hz, and at least "
                f"{LEAST_FREQUENCIES} are needed; widen the limits"
            )
        used = (s.freq >= low) & (s.freq <= high)
        measured.append(Checked(s, used, fitted, kramers_kronig(fitted)))
    tell("checking", len(spectra), len(spectra))
    every = [*traces, *curves, *spikes]
    return Loaded([*measured, *(Checked(m, m.fitted, m) for m in every)], notes)


def entry_of(path: Path, spectra: Mapping[str, Any], trace: Mapping[str, Any]) -> Entry:
    """The entry for a file that says itself what it is: a spectrum if it can be read as one.

    `spectra` and `trace` are the options for either kind.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            read_spectra(path)
    except ReadError as error:
        if "read_trace" not in str(error) and not trace:
            raise
        try:
            read_recordings(path, **{k: v for k, v in trace.items() if k in _READING})
        except ReadError as other:
            # The advice to use the other reader is no help to who gave a file.
            says = "read_trace" in str(error) and "impedance spectrum" not in str(other)
            raise (other if says else error) from None
        return Entry("trace", path, dict(trace))
    return Entry("spectra", path, dict(spectra))


_READING = ("units", "rate", "freq", "compliance")


def noise_of(sigma: Any) -> Any:
    """A standard deviation, or the noise model that a table `{relative, floor, estimated}` says."""
    if not isinstance(sigma, Mapping):
        return None if sigma is None else float(sigma)
    return Noise(
        float(sigma.get("relative", 0.0)),
        float(sigma.get("floor", 0.0)),
        known=not sigma.get("estimated", False),
    )


def _spectra(entry: Entry, notes: list[str]) -> list[Spectrum]:
    o, path = entry.options, Path(str(entry.file))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = read_spectra(path, bias=o.get("bias"))
    notes += [str(w.message) for w in caught if issubclass(w.category, UserWarning)]
    given = {k: float(o[k]) for k in ("u", "I", "V") if k in o}
    if len(given) > 1:
        raise ReadError(f"{path}: give the bias once, as u, I or V")
    if given:
        found = [replace(s, **({"u": None, "I": None, "V": None} | given)) for s in found]
    if "sigma" in o:
        found = [replace(s, sigma=noise_of(o["sigma"])) for s in found]
    return [_named(s, path, k, len(found)) for k, s in enumerate(found)]


def _traces(entry: Entry, notes: list[str]) -> list[Trace]:
    o, path = entry.options, Path(str(entry.file))
    found = read_recordings(path, **{k: v for k, v in o.items() if k in _READING})
    count = len(found)
    recordings = [replace(r, label=_label(r.label, path, k, count)) for k, r in enumerate(found)]
    for r in recordings:
        notes += [f"{r.label}: {note}" for note in r.notes]
    drive = parse_drive(o["drive"]) if "drive" in o else None
    freq = o.get("freq")
    return [
        trace_of(
            r, imposed=o.get("imposed"), drive=drive, start=o.get("start", "rest"),
            period=None if freq is None else 1 / freq, sigma=noise_of(o.get("sigma")),
        )
        for r in recordings
    ]  # fmt: skip


def _curves(entry: Entry, notes: list[str]) -> list[SteadyCurve]:
    o, path = entry.options, Path(str(entry.file))
    # A steady curve has no time; any scan rate serves to read it as voltages and currents.
    recordings = read_recordings(path, units=o.get("units"), rate=1.0, fewest=3)
    curves = []
    for k, r in enumerate(recordings):
        label = _label(r.label, path, k, len(recordings))
        notes += [f"{label}: {note}" for note in r.notes if "scan rate" not in note]
        V, I = r.V[r.used], r.I[r.used]
        sigma = noise_of(o.get("sigma"))
        if sigma is None and (I == 0).any():
            # Proportional noise gives no weight at zero.
            V, I = V[I != 0], I[I != 0]
        curves.append(SteadyCurve(I, V=V, sigma=sigma, label=label, source=str(path)))
    return curves


def _spikes(entry: Entry) -> Spikes:
    options = dict(entry.options)
    sigma: Any = options.pop("sigma", None)
    try:
        numbers: dict[str, Any] = {name: float(value) for name, value in options.items()}
        if isinstance(sigma, list):
            sigma = [float(s) for s in sigma]
        elif sigma is not None:
            # A share of each: they have three units.
            sigma = proportional(float(sigma))
        return Spikes(**numbers, sigma=sigma)
    except (TypeError, ValueError) as error:
        raise ReadError(
            "[[spikes]] wants numbers I, frequency, amplitude, threshold, and sigma as a share of "
            f"each, or a list of standard deviations in that order, got {dict(entry.options)} "
            f"({error})"
        ) from None


def _label(own: str, path: Path, k: int, count: int) -> str:
    """The name of the file, and the part's own where the file has several."""
    own = own or (str(k) if count > 1 else "")
    return own if own.startswith(path.stem) else f"{path.stem} {own}".strip()


def _named(s: Spectrum, path: Path, k: int, count: int) -> Spectrum:
    return replace(s, label=_label(s.label, path, k, count), source=str(path))
