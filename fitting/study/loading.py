"""The files of a specification as terms of a fit, checked on the way."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from fitting.readers import ReadError
from fitting.readers.detect import Content, sniff
from fitting.readers.file_names import NamedBias, base_names, bias_in_name, notes_on
from fitting.readers.source import Source
from fitting.readers.traces import trace_of
from fitting.study.dropping import dropped, notes_on_dropped
from fitting.study.spec import Entry, Spec
from fitting.terms.checked import Checked
from fitting.terms.curve import SteadyCurve
from fitting.terms.linear_kk import tested
from fitting.terms.noise_model import Noise, proportional
from fitting.terms.spectrum import Spectrum
from fitting.terms.spikes import Spikes
from fitting.terms.trace import Trace
from jaxmem.circuits import parse_drive
from jaxmem.devices import AbstractDevice, read_device
from jaxmem.output.reporter import Reporter, Silent

# Fewer frequencies than these say nothing of a circuit.
LEAST_FREQUENCIES = 4
# The name that a reader gives to a part of a file which has none of its own, after the file's.
COUNTED = re.compile(r", (sweep )?\d+")
# A part of Z below this share of |Z| is no longer measured as well as its proportional weight says.
UNEVEN = 30.0


class Loaded(NamedTuple):
    """What the files of a specification hold, and what had to be assumed, in words.

    `hashes`: the SHA-256 of each file as it was read; `device`: the one to start from, if it comes
    from a file.
    """

    measured: list[Checked]
    notes: list[str]
    hashes: dict[Path, str]
    device: AbstractDevice | None

    @property
    def terms(self) -> list[Any]:
        """What is fitted."""
        return [m.fitted for m in self.measured]


def load_terms(
    spec: Spec, progress: Reporter | None = None, *, allow_import: bool = False
) -> Loaded:
    """Read every file once, leave out what is not to be fitted, and check the spectra.

    **Arguments:**

    - `spec`: what is fitted.
    - `progress`: hears of each spectrum that was checked.
    - `allow_import`: whether a device file may name classes that are imported (see `read_device`).

    **Raises:** `ReadError` (a `ValueError`) for a file that is not what it should be.
    """
    step = (progress or Silent()).step
    device = None
    if spec.device_file:
        device = read_device(spec.device_file, allow_import=allow_import)
    loaded, others = Loaded([], [], {}, device), []
    if circuit := spec.circuit_file:
        loaded.hashes[circuit] = hashlib.sha256(circuit.read_bytes()).hexdigest()
    spectra: list[tuple[Spectrum, Mapping[str, Any]]] = []
    called, named = base_names(spec.files), list[NamedBias]()
    for entry in spec.entries:
        if entry.kind == "spikes":
            others.append(_spikes(entry))
        if entry.file is None:
            continue
        o, content = entry.options, entry.content or _content(entry, spec.area_m2)
        loaded.hashes[entry.file] = content.sha256
        if entry.kind == "spectra":
            # A file that is named twice, for spectra of it, is remarked on once.
            loaded.notes.extend(note for note in content.notes if note not in loaded.notes)
            spectra += [(s, o) for s in _spectra(entry, content, called[entry.file], named)]
        elif entry.kind == "trace":
            others += _traces(entry, content, called[entry.file], loaded.notes)
        else:
            others += _curves(entry, content, called[entry.file], loaded.notes)
    loaded.notes.extend(notes_on(named))
    near: list[tuple[str, dict[str, np.ndarray]]] = []
    for k, (s, o) in enumerate(spectra):
        step("checking", k, len(spectra))
        low, high = o.get("min_freq", 0.0), o.get("max_freq", np.inf)
        left_out, masked = dropped(o.get("drop", ()), s)
        near.append((s.name, masked))
        used = (s.freq >= low) & (s.freq <= high) & ~left_out
        fitted = _weighted(s.chosen(used), o.get("weight"), loaded.notes)
        left = np.unique(fitted.freq).size
        if left < LEAST_FREQUENCIES:
            raise ReadError(
                f"{s.name}: {left} frequencies are left between {low:g} and {high:g} Hz, and at "
                f"least {LEAST_FREQUENCIES} are needed; widen the limits, or drop fewer points"
            )
        loaded.measured.append(Checked(s, used, fitted, tested(fitted)))
    loaded.notes.extend(notes_on_dropped(near))
    step("checking", len(spectra), len(spectra))
    loaded.measured.extend(Checked(m, m.fitted, m) for m in others)
    return loaded


def entry_of(
    path: Path,
    spectra: Mapping[str, Any],
    trace: Mapping[str, Any],
    area: float | None = None,
) -> Entry:
    """The entry for a file that says itself what it is, with what was read from it.

    **Arguments:**

    - `path`: the file.
    - `spectra`, `trace`: the options for either kind.
    - `area`: of the electrode [m^2], if it is known.

    **Raises:** `ReadError` for a file that is neither.
    """
    content = sniff(path, trace, area)
    options = spectra if content.kind == "spectra" else trace
    entry = Entry(content.kind, path, options)
    return replace(entry, content=content.at_places(path, entry.options.get("index")))


def _content(entry: Entry, area: float | None) -> Content:
    assert entry.file is not None
    source, index = Source.open(entry.file, area), entry.options.get("index")
    if entry.kind == "spectra":
        return Content.of_spectra(source).at_places(entry.file, index)
    # A steady curve has no time; any scan rate serves to read it as voltages and currents.
    curve: dict[str, Any] = {"rate": 1.0, "fewest": 3} if entry.kind == "curve" else {}
    return Content.of_recordings(source, entry.options, **curve).at_places(entry.file, index)


def noise_of(sigma: Any) -> Any:
    """A standard deviation, or the noise model that a table `{relative, floor, estimated}` says."""
    if not isinstance(sigma, Mapping):
        return None if sigma is None else float(sigma)
    return Noise(
        float(sigma.get("relative", 0.0)),
        float(sigma.get("floor", 0.0)),
        known=not sigma.get("estimated", False),
    )


def _spectra(entry: Entry, content: Content, called: str, named: list[NamedBias]) -> list[Spectrum]:
    o, path, found = entry.options, Path(str(entry.file)), content.found
    given = {"V" if k == "bias" else k: o[k] for k in ("bias", "u", "I", "V") if k in o}
    if len(given) > 1:
        raise ReadError(f"{path}: give the bias once, as u, I or V")
    if given:
        ((kind, value),) = given.items()
        unsaid = {"u": None, "I": None, "V": None}
        each = _one_for_each(path, found, "biases", value)
        found = [replace(s, **(unsaid | {kind: b})) for s, b in zip(found, each, strict=True)]
    elif content.held == 1 and found[0].bias[0] is None:
        # The file itself does not say at which bias it was measured; its name may.
        named.append(bias_in_name(path))
        found = [replace(s, V=named[-1].value) for s in found]
    for name in ("temperature", "time"):
        if name in o:
            each = _one_for_each(path, found, f"{name}s", o[name])
            found = [replace(s, **{name: value}) for s, value in zip(found, each, strict=True)]
    if "sigma" in o:
        found = [replace(s, sigma=noise_of(o["sigma"])) for s in found]
    labels = _labels(content, path, called)
    return [replace(s, label=a, source=str(path)) for s, a in zip(found, labels, strict=True)]


def _weighted(s: Spectrum, weight: str | None, notes: list[str]) -> Spectrum:
    """The spectrum with the weights that were asked for.

    **Raises:** `ReadError` where the file has no standard deviations, or a part of Z is 0 and
    would weigh without limit.
    """
    if weight is None:
        return s
    if weight == "sigma":
        if s.sigma is None:
            raise ReadError(
                f"{s.source}: weight = sigma wants a column of standard deviations, and there is "
                "none; name it sigma_ohm, or sigma_Re_ohm and sigma_Im_ohm"
            )
        return s
    try:
        s = replace(s, sigma=None, noise=None, weighting=weight)
    except ValueError as error:
        raise ReadError(str(error)) from None
    if weight == "proportional":
        size = np.abs(s.Z) / s.deviations.min(axis=0)
        at = int(np.argmax(size))
        if size[at] > UNEVEN:
            part = "Re Z" if s.deviations[0, at] < s.deviations[1, at] else "Im Z"
            notes.append(
                f"{s.name}: proportional weights: {part} is 1/{size[at]:.3g} of |Z| at "
                f"{s.freq[at]:.4g} Hz, which weighs as much there as {size[at] ** 2:.2g} points; "
                "where the instrument does not resolve it that well, weight by the modulus"
            )
    return s


def _one_for_each(path: Path, found: list[Spectrum], what: str, said: Any) -> Sequence[float]:
    """What is said of the spectra of a file, one number for all or one for each."""
    each = said if isinstance(said, tuple) else [said] * len(found)
    if len(each) != len(found):
        raise ReadError(
            f"{path}: {len(each)} {what} for {len(found)} spectra; give one for each, or one for "
            "all"
        )
    return each


def _traces(entry: Entry, content: Content, called: str, notes: list[str]) -> list[Trace]:
    o, path = entry.options, Path(str(entry.file))
    labels = _labels(content, path, called)
    recordings = [replace(r, label=a) for r, a in zip(content.found, labels, strict=True)]
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


def _curves(entry: Entry, content: Content, called: str, notes: list[str]) -> list[SteadyCurve]:
    o, path = entry.options, Path(str(entry.file))
    curves = []
    for r, label in zip(content.found, _labels(content, path, called), strict=True):
        # The scan rate that it was read with says nothing.
        notes += [f"{label}: {n}" for n in r.notes if "scan rate" not in n and "rate or" not in n]
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
        if isinstance(sigma, float):
            # A share of each: they have three units.
            sigma = proportional(sigma)
        return Spikes(**options, sigma=sigma)
    except (TypeError, ValueError) as error:
        raise ReadError(
            "[[spikes]] wants numbers I, frequency, amplitude, threshold, and sigma as a share of "
            f"each, or a list of standard deviations in that order, got {dict(entry.options)} "
            f"({error})"
        ) from None


def _labels(content: Content, path: Path, called: str) -> list[str]:
    """What each part of a file is called: the file's name and, where it has several, the part's own
    name, or its place, as `index` counts it.
    """
    found = []
    for part, place in zip(content.found, content.places, strict=True):
        own = part.label
        if content.held > 1 and (not own or COUNTED.fullmatch(own.removeprefix(path.stem))):
            found.append(f"{called}[{place}]")
        elif own.startswith(path.stem):
            found.append(called + own.removeprefix(path.stem))
        else:
            found.append(f"{called} {own}".strip())
    return found
