"""What is known of a device before the next experiment: its values, and how sure they are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fitting.estimate.result import Fit
from fitting.experiments.broad_prior import OPEN, information_from, inverted, with_broad_prior
from fitting.models.setup import device_model
from fitting.problem.space import Coordinates, Free, Space
from jaxmem.devices import AbstractDevice
from jaxmem.lens import lenses
from jaxmem.output.numbers import engineering

# A prior that is not given: half of the value.
UNNAMED = 0.5
INCOMPLETE = (
    "The fit is of an older version, and its fit.json does not hold all that its data say of "
    "several parameters together: what is known is more than is counted here. Make the fit again "
    "with this version of `jaxmem fit`."
)


@dataclass(frozen=True)
class Knowledge:
    """A device, its uncertain parameters and their covariance.

    - `model`, `space`: as in `fit`; what is not in the space counts as known.
    - `covariance`: in search coordinates (ln p, or p where it may have either sign), `(p, p)`,
      positive definite.
    - `relative_noise`: for `"spectra"` and `"traces"` what a fit found of the noise: a fraction of
      |Z|, of the root mean square of a trace.
    - `remarks`: what a reader must know of it, in sentences.
    """

    model: Any
    space: Space
    covariance: np.ndarray
    relative_noise: Mapping[str, float]
    remarks: tuple[str, ...] = ()

    @property
    def coordinates(self) -> Coordinates:
        """Names, units and search coordinates of the parameters."""
        return self.space.resolve(self.model)

    @property
    def z(self) -> np.ndarray:
        """The search vector at which the device stands."""
        return self.coordinates.pack(self.model)

    @property
    def precision(self) -> np.ndarray:
        """The inverse of the covariance."""
        return inverted(self.covariance)

    def draws(self, n: int, seed: int, most: float = UNNAMED) -> np.ndarray:
        """The search vector itself and n draws about it, shape `(n + 1, p)`.

        Along each principal axis a standard deviation of more than `most` of the value is taken as
        that: far away a draw says little about experiments here. What is known of several
        parameters together holds in each draw, however little is known of each.
        """
        c, z = self.coordinates, self.z
        lengths = _lengths(c, z)
        variances, axes = np.linalg.eigh(self.covariance / np.outer(lengths, lengths))
        sizes = np.sqrt(np.clip(variances, 0.0, most**2))
        normal = np.random.default_rng(seed).normal(size=(n, len(z)))
        return np.clip(np.vstack([z, z + (normal * sizes) @ axes.T * lengths]), c.low, c.high)


def from_prior(
    device: AbstractDevice, prior: float | Mapping[str, float], unnamed: float = UNNAMED
) -> Knowledge:
    """A device whose parameters are known to relative standard deviations, independent of each
    other: normal in ln p, or in p where it may have either sign.

    **Arguments:**

    - `prior`: one number for all, or by name; `unnamed`: of those that it does not name. All
      numbers of the device that are not zero are uncertain, but those with a prior of 0.

    **Raises:** `ValueError` for a name that the device has not, and a number below 0.
    """
    _, space, _ = device_model(device)
    names = space.names(device)
    said = dict(prior) if isinstance(prior, Mapping) else dict.fromkeys(names, float(prior))
    if unknown := sorted(set(said) - set(names)):
        raise ValueError(
            f"prior: the device has no uncertain parameter {unknown[0]}; it has {', '.join(names)}"
        )
    for name, size in said.items():
        if not (math.isfinite(size) and size >= 0):
            raise ValueError(
                f"prior: {name} = {size:g}; give a relative standard deviation, 0.2 for 20 %, "
                "or 0 for what is known"
            )
    sizes = [said.get(name, unnamed) for name in names]
    space = Space(*(f for f, size in zip(space.frees, sizes, strict=True) if size > 0))
    if not len(space):
        raise ValueError("prior: every parameter is known; nothing is left to measure")
    c = space.resolve(device)
    error = np.array([size for size in sizes if size > 0]) * _lengths(c, c.pack(device))
    return Knowledge(device, space, np.diag(error**2), {})


def from_fit(fit: Fit) -> Knowledge:
    """What a fit found: the information of its data, and a broad prior for what they leave open."""
    frees = tuple(_freed(p.path, p.name, p.log, fit.model) for p in fit.parameters)
    space = Space(*frees)
    noise = {}
    for kind, sizes in _noises(
        [(t.kind, t.rms, t.unit, _size(term)) for t, term in
         zip(fit.terms, fit.problem.terms, strict=True)]
    ).items():  # fmt: skip
        noise[kind] = sizes
    return _completed(fit.model, space, fit.information, noise, fit.describes, fit.verdict())


def from_record(
    record: Mapping[str, Any], device: AbstractDevice, observed: Mapping[str, float] | None = None
) -> Knowledge:
    """What a fit found, from its `fit.json` and its device.

    **Arguments:**

    - `observed`: the root mean square of what was observed of each trace, by its name.

    **Raises:** `ValueError` if the record holds no covariance of this device's parameters.
    """
    try:
        held, rows = record["covariance"], record["parameters"]
        names = [row["name"] for row in rows[: len(held["paths"])]]
        frees = [_freed(path, name, bool(log), device) for path, name, log in
                 zip(held["paths"], names, held["log"], strict=True)]  # fmt: skip
        whole = "information" in held
        matrix = np.array(held["information" if whole else "matrix"], dtype=float)
        if matrix.shape != (len(frees), len(frees)):
            raise ValueError("its covariance has another size than its parameters")
        if not whole:
            matrix, whole = information_from(matrix)
        elif not np.isfinite(matrix).all():
            raise ValueError("its information has gaps")
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"the fit holds no covariance of its parameters ({error}); make it again with this "
            "version of `jaxmem fit`"
        ) from None
    space, seen = Space(*frees), observed or {}
    terms = [
        (t["kind"], t["rms"], t["unit"], seen.get(t["name"], 0.0)) for t in record.get("terms", ())
    ]
    said = record.get("description") or ()
    said = (said,) if isinstance(said, str) else tuple(said)
    known = _completed(
        device, space, matrix, _noises(terms), str(record.get("describes", "yes")), said
    )
    return known if whole else replace(known, remarks=(*known.remarks, INCOMPLETE))


def _freed(path: str, name: str, log: bool, model: Any) -> Free:
    """A free parameter at a path, `"tau_d=extra.second.tau_d"` for tied ones."""
    known = lenses(model)
    parts = path.split("=")
    if missing := [part for part in parts if part not in known]:
        raise ValueError(f"the device has no {missing[0]}")
    if len(parts) == 1:
        return Free(known[path], log=log, name=name)
    return Free(lambda d: tuple(known[part](d) for part in parts), log=log, name=name)


def _lengths(c: Coordinates, z: np.ndarray) -> np.ndarray:
    """What a fraction of 1 is in search coordinates."""
    return np.where(c.log, 1.0, np.where(z != 0, np.abs(z), 1.0))


def _completed(model, space, information, noise, describes, said) -> Knowledge:
    c = space.resolve(model)
    lengths = _lengths(c, c.pack(model))
    covariance, left_open = with_broad_prior(information, lengths)
    remarks = [_left_open(c, lengths, left_open)] if left_open.any() else []
    if describes == "no":
        remarks += [
            "The model does not describe the data: what sharpens its parameters sharpens the "
            "numbers of a wrong model. First find which model does (--rivals).",
            *said,
        ]
    return Knowledge(model, space, covariance, noise, tuple(remarks))


def _left_open(c: Coordinates, lengths, left_open) -> str:
    """Which parameters the fit leaves open, and what is taken for them."""
    at = np.flatnonzero(left_open)
    signed = [
        f"of {c.names[k]} {engineering(float(OPEN * lengths[k]), c.units[k], 3)}"
        for k in at if not c.log[k]
    ]  # fmt: skip
    several = len(at) > 1
    sizes = f" ({', '.join(signed)})" if signed else ""
    return (
        f"The fit leaves {', '.join(c.names[k] for k in at)} open: for "
        f"{'each of these' if several else 'it'} a standard deviation of a factor of ten each way "
        f"about the fitted value is taken{sizes}, and what "
        f"the data say of all else{', and of these together,' if several else ''} is kept."
    )


def _noises(terms) -> dict[str, float]:
    """The relative noise of spectra and of traces, the median of what the terms left."""
    found: dict[str, list[float]] = {"spectra": [], "traces": []}
    for kind, rms, unit, size in terms:
        if rms is None or not rms > 0:
            continue
        if unit == "|Z|":
            # Of the two parts together; each has the same deviation.
            found["spectra"].append(float(rms))
        elif kind == "Trace" and size > 0:
            found["traces"].append(float(rms) / float(size))
    return {kind: float(np.median(sizes)) for kind, sizes in found.items() if sizes}


def _size(term: Any) -> float:
    observed = np.asarray(getattr(term, "observed", 0.0), dtype=float)
    return float(np.sqrt(np.mean(observed**2)))
