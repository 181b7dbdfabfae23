"""The arrays of a fit as netCDF, by xarray: data, model, covariance, minima."""

from pathlib import Path
from typing import Any

import numpy as np

from fitting.estimate.result import Fit
from fitting.problem.batch import unwrap
from fitting.terms.curve import SteadyCurve
from fitting.terms.spectrum import Spectrum
from fitting.terms.trace import Trace
from jaxmem.circuits import VoltageDrive


def fit_dataset(fit: Fit, provenance: dict[str, Any]) -> Any:
    """An `xarray.Dataset` of everything that a fit compared and found.

    Parameters (value, 68 % interval, covariance in search coordinates) along `parameter`; of each
    term k its data, model and weights along dimensions of its own, `spectrum_k`, `trace_k`,
    `curve_k`.
    """
    import xarray as xr

    c = fit.problem.coordinates
    r, _ = (a[0] for a in fit.problem.inspect(fit.z[None]))
    raw = r * fit.problem.row_scale
    names = list(fit.names)
    data: dict[str, Any] = {
        "value": ("parameter", fit.values),
        "low": ("parameter", np.where(fit.identifiable, fit.low, np.nan)),
        "high": ("parameter", np.where(fit.identifiable, fit.high, np.nan)),
        "z": ("parameter", fit.z),
        "identifiable": ("parameter", fit.identifiable.astype("i1")),
        "covariance": (("parameter", "other"), fit.covariance),
        "minima": (("minimum", "parameter"), np.stack([m.z for m in fit.minima])),
        "minima_chi2": ("minimum", np.array([m.chi2 for m in fit.minima])),
    }
    for k, term in enumerate(fit.problem.terms):
        inner = unwrap(term)
        own = raw[fit.problem.of_term(k)]
        if isinstance(inner, Spectrum):
            n, key = len(inner.freq), f"spectrum_{k}"
            sigma = np.abs(inner.Z) if inner.sigma is None else inner.sigma
            off = own.reshape(2, n) * sigma
            data |= {
                f"{key}_freq": (key, inner.freq, {"units": "Hz", "name": inner.name}),
                f"{key}_Re_Z": (key, inner.Z.real, {"units": "ohm"}),
                f"{key}_Im_Z": (key, inner.Z.imag, {"units": "ohm"}),
                f"{key}_Re_model": (key, inner.Z.real + off[0], {"units": "ohm"}),
                f"{key}_Im_model": (key, inner.Z.imag + off[1], {"units": "ohm"}),
            }
        elif isinstance(inner, Trace):
            key, used = f"trace_{k}", inner.used
            signal = np.full(len(inner.t), np.nan)
            signal[used] = inner.observed[used] + own / inner.weight[used]
            applied = np.asarray(inner.drive.wave(inner.t))
            data |= {
                f"{key}_t": (key, inner.t, {"units": "s", "name": inner.name}),
                f"{key}_applied": (key, applied, {"units": _unit(inner)}),
                f"{key}_observed": (key, inner.observed, {"units": inner.unit}),
                f"{key}_model": (key, signal, {"units": inner.unit}),
                f"{key}_used": (key, used.astype("i1")),
            }
        elif isinstance(inner, SteadyCurve):
            key = f"curve_{k}"
            model = inner.observed + own / inner.weight
            data |= {
                f"{key}_bias": (key, inner.bias, {"kind": inner.kind, "name": inner.name}),
                f"{key}_observed": (key, inner.observed, {"units": inner.unit}),
                f"{key}_model": (key, model, {"units": inner.unit}),
            }
    coords = {"parameter": names, "other": names}
    attributes = {
        "units": ", ".join(f"{n} [{u}]" for n, u in zip(fit.names, fit.units, strict=True)),
        "search coordinates": ", ".join(
            f"ln {n}" if log else n for n, log in zip(c.names, c.log, strict=True)
        ),
        "chi2": fit.chi2, "bic": fit.bic, "command": provenance.get("command", ""),
        "versions": str(provenance.get("versions", "")),
    }  # fmt: skip
    return xr.Dataset(data, coords=coords, attrs=attributes)


def _unit(trace: Trace) -> str:
    return "V" if isinstance(trace.drive, VoltageDrive) else "A"


def write_arrays(path: Path, fit: Fit, provenance: dict[str, Any]) -> None:
    """Write the arrays of a fit as netCDF 3."""
    fit_dataset(fit, provenance).to_netcdf(path, engine="scipy")
