"""A fit as files of numbers: JSON, CSV and netCDF."""

import math
import re
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from fitting.diagnosis.term_report import TermReport
from fitting.estimate.result import Fit
from fitting.terms.checked import Checked
from fitting.terms.linear_kk import KramersKronig
from fitting.terms.spectrum import Spectrum
from fitting.terms.spectrum_batch import HasImpedance, bias_point, bias_voltage
from jaxmem.devices import device_to_toml
from jaxmem.networks import Network, network_to_toml
from jaxmem.output.table import write_csv
from jaxmem.responses import equivalent_circuit, operating_point


def fit_record(fit: Fit, checked: Sequence[Checked]) -> dict[str, Any]:
    """Everything that a fit found, as dictionaries, lists and numbers.

    `parameters` has for each its name, unit, meaning, value, whether it is `identifiable`, then its
    `interval_68`, else the `reasons`; `derived` likewise. `covariance` is in search
    coordinates (logarithms where `log`), in the order of the parameters, at their `paths`: its
    `matrix`, and its inverse, the `information`, which is finite where data leave something open;
    `correlation` is the same over the standard errors.
    `describes` is "yes", "but_for", "roughly" or "no", and `description` says it in sentences; each
    of the `terms` has its own.
    Residuals are fractions (`relative_rms_residual` = sqrt(sum |dZ|^2/|Z|^2 / (2N))). Infinities
    and what is not a number are None, because JSON has no word for them.
    """
    rows = [
        {k: v for k, v in row.items() if k not in ("low", "high")}
        | {"interval_68": [row["low"], row["high"]]}
        for row in fit.rows()
    ]
    n = len(fit.names)
    found, what = fit.searches, fit.identifiability
    best = found.minima[0]
    return {
        "describes": fit.describes,
        "description": fit.verdict(),
        "parameters": rows[:n],
        "derived": rows[n:],
        "covariance": {
            "paths": [p.path for p in fit.parameters],
            "log": [p.log for p in fit.parameters],
            "matrix": [[plain(x) for x in row] for row in fit.covariance],
            "information": [[plain(x) for x in row] for row in fit.information],
        },
        "correlation": [[plain(x) for x in row] for row in fit.correlation],
        "converged": fit.ok,
        "result": fit.outcome,
        "statements": fit.statements(),
        "relative_rms_residual": plain(fit.relative_rms_residual),
        "chi2": plain(fit.chi2),
        "noise": plain(fit.noise),
        "noise_known": fit.quality.noise_known,
        "bic": plain(fit.bic),
        "numbers": fit.quality.points,
        "starts": found.starts,
        "starts_drawn": found.drawn,
        "starts_converged": found.converged,
        "starts_at_best": best.starts,
        "evaluations": found.evaluations,
        "evaluations_not_finite": found.failed,
        "minima": [
            {"chi2": plain(m.chi2), "starts": m.starts, "values": [plain(v) for v in m.values]}
            for m in found.minima
        ],
        "rank": what.rank,
        "null_directions": list(what.null_directions),
        "weak_directions": list(what.weak_directions),
        "exchanges": [list(pair) for pair in what.exchanges],
        "swaps": [plain(x) for x in what.swaps],
        "determined": list(what.determined),
        "at_bound": list(fit.at_bound),
        "spectra": [spectrum_record(c.fitted, fit.model, c.check) for c in checked if c.check],
        "terms": [_term_record(t) for t in fit.terms],
        "device": model_to_toml(fit.model),
    }


def model_to_toml(model: Any) -> str:
    """A device or a circuit as TOML."""
    return network_to_toml(model) if isinstance(model, Network) else device_to_toml(model)


def spectrum_record(s: Spectrum, model: HasImpedance, check: KramersKronig) -> dict:
    """One spectrum: where it is from, its bias, its residual and its Kramers-Kronig check."""
    kind, value = s.bias
    return {
        "name": s.name,
        "file": s.source,
        "points": len(s.freq),
        "freq_Hz": [float(s.freq.min()), float(s.freq.max())],
        "bias": None if kind is None else {"kind": kind, "value": value},
        "weighting": s.weighting_in_words,
        "time_s": s.time,
        "temperature_K": s.temperature,
        "relative_rms_residual": rms_of_spectrum(s, model),
        "kramers_kronig": {
            "passed": check.passed,
            "noise": plain(check.noise),
            "relative_rms_residual": float(np.sqrt(np.mean(np.abs(check.residuals) ** 2) / 2)),
            "violation": check.violation,
            "outliers": check.outliers.tolist(),
            "grade": check.grade,
            "inconsistency": plain(check.inconsistency),
            "carried_by_Hz": s.freq[check.carriers].tolist(),
            "reason": check.reason,
        },
        "elements": elements_at(s, model),
    }


def rms_of_spectrum(s: Spectrum, model: HasImpedance) -> float:
    """sqrt(sum(|dZ|^2/|Z|^2)/(2N)) of one spectrum, a fraction."""
    off = np.abs(s.impedance(model) - s.Z) / np.abs(s.Z)
    return float(np.sqrt(np.mean(off**2) / 2))


def elements_at(s: Spectrum, model: HasImpedance) -> dict[str, float] | None:
    """u [V] and the elements of the equivalent circuit at a spectrum's bias, if it has one."""
    kind, value = s.bias
    if kind is None or isinstance(model, Network):
        return None
    at = jnp.asarray(value, dtype=float)
    if model.curve is None:
        point = operating_point(model, u=bias_voltage(model, kind, at, s.branch))
    else:
        point = bias_point(model, kind, at, s.branch)
    elements = equivalent_circuit(model, point)._asdict()
    numbers = {"u": float(point.u)} | {name: float(x) for name, x in elements.items()}
    return {name: x for name, x in numbers.items() if math.isfinite(x)}


def write_tables(folder: Path, shown: Sequence[tuple[Checked, np.ndarray]]) -> None:
    """Data and fit as CSV, in SI units, with whether a point was fitted.

    Spectra in `data.csv`: freq_Hz, Re and Im of both [ohm]. All else in `samples.csv`: t_s (an
    abscissa in s; empty where there is no time), what was applied (any other abscissa) and what
    was observed, the fit, and which quantity was observed (I, V or u).
    """
    spectra, samples = [], []
    for c, signal in shown:
        if c.whole.readings(signal):
            continue
        table = c.whole.to_dataset(signal, c.used)
        columns = {key: table[key].values.tolist() for key in table}
        name = c.whole.name
        if c.check is not None:
            number = len({row[-2] for row in spectra})
            spectra += [[*row, number, name] for row in zip(*columns.values(), strict=True)]
            continue
        none, over = [""] * len(columns["used"]), next(iter(table))
        in_time = table[over].attrs["units"] == "s"
        t = columns[over] if in_time else none
        applied = columns.get("applied") or (none if in_time else columns[over])
        rest = zip(t, applied, columns["observed"], columns["fit"], columns["used"], strict=True)
        samples += [[*row, c.whole.quantity, name] for row in rest]
    of_spectra = ["freq_Hz", "Re_Z_ohm", "Im_Z_ohm", "Re_fit_ohm", "Im_fit_ohm", "used", "spectrum"]
    of_samples = ["t_s", "applied", "observed", "fit", "used", "quantity"]
    for file, head, rows in (
        ("data.csv", [*of_spectra, "label"], spectra),
        ("samples.csv", [*of_samples, "label"], samples),
    ):
        if rows:
            write_csv(folder / file, head, rows)


def fit_dataset(
    fit: Fit, shown: Sequence[tuple[Checked, np.ndarray]], provenance: dict[str, Any]
) -> Any:
    """An `xarray.Dataset` of everything that a fit compared and found.

    Parameters (value, 68 % interval, covariance in search coordinates) along `parameter`; of each
    measurement k its data and fit along a dimension of its own, `spectrum_k`, `trace_k`,
    `steady_curve_k`.
    """
    import xarray as xr

    data: dict[str, Any] = {
        "value": ("parameter", fit.values),
        "low": ("parameter", np.where(fit.identifiable, fit.low, np.nan)),
        "high": ("parameter", np.where(fit.identifiable, fit.high, np.nan)),
        "z": ("parameter", fit.z),
        "identifiable": ("parameter", fit.identifiable.astype("i1")),
        "covariance": (("parameter", "other"), fit.covariance),
        "minima": (("minimum", "parameter"), np.stack([m.z for m in fit.searches.minima])),
        "minima_chi2": ("minimum", np.array([m.chi2 for m in fit.searches.minima])),
    }
    for k, (c, signal) in enumerate(shown):
        kind = re.sub(r"(?<!^)(?=[A-Z])", "_", type(c.whole).__name__).lower()
        table = c.whole.to_dataset(signal, c.used)
        for name, column in table.items():
            more = {"name": c.whole.name} if name == next(iter(table)) else {}
            data[f"{kind}_{k}_{name}".replace(" ", "_")] = (
                f"{kind}_{k}", column.values, column.attrs | more,
            )  # fmt: skip
    names = list(fit.names)
    attributes = {
        "units": ", ".join(f"{p.name} [{p.unit}]" for p in fit.parameters),
        "search coordinates": ", ".join(
            f"ln {p.name}" if p.log else p.name for p in fit.parameters
        ),
        "chi2": fit.chi2, "bic": fit.bic, "command": provenance.get("command", ""),
        "versions": str(provenance.get("versions", "")),
    }  # fmt: skip
    return xr.Dataset(data, coords={"parameter": names, "other": names}, attrs=attributes)


def _term_record(t: TermReport) -> dict[str, Any]:
    told = [f.name for f in fields(t) if f.repr]
    own = {name: _jsonable(getattr(t, name)) for name in told}
    return own | (t.description.record() if t.description is not None else {})


def _jsonable(x):
    return plain(x) if isinstance(x, float) else x


def plain(x: float) -> float | None:
    """A number for JSON, which has no word for infinities and what is none."""
    x = float(x)
    return x if math.isfinite(x) else None
