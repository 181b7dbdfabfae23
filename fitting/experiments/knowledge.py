"""What is known of a device before the next experiment: its values, and how sure they are."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from fitting.estimate.result import Fit
from fitting.models.setup import device_model
from fitting.problem.space import Coordinates, Free, Space
from jaxmem.devices import AbstractDevice
from jaxmem.lens import lenses

# What data leave open is taken to be known to a factor of ten each way (one standard deviation).
OPEN = math.log(10.0)
# A prior that is not given: half of the value.
UNNAMED = 0.5


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
        return np.linalg.inv(self.covariance)

    def draws(self, n: int, seed: int, most: float = UNNAMED) -> np.ndarray:
        """The search vector itself and n draws about it, shape `(n + 1, p)`.

        A standard deviation of more than `most` of the value is taken as that: far away a draw says
        little about experiments here.
        """
        own = np.sqrt(np.diag(self.covariance))
        shrink = np.minimum(1.0, most * _lengths(self.coordinates, self.z) / own)
        rng = np.random.default_rng(seed)
        steps = rng.multivariate_normal(
            np.zeros(len(own)), self.covariance, n, method="eigh"
        ) * shrink  # fmt: skip
        c = self.coordinates
        return np.clip(np.vstack([self.z, self.z + steps]), c.low, c.high)


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
    """What a fit found. Along directions that its data do not feel all is kept that they do say."""
    frees = tuple(_freed(p.path, p.name, p.log, fit.model) for p in fit.parameters)
    space = Space(*frees)
    J = fit.problem.jacobian(fit.z) / fit.noise
    covariance = fit.covariance
    if not np.isfinite(covariance).all():
        covariance = _opened(space.resolve(fit.model), fit.z, J.T @ J)
    noise = {}
    for kind, sizes in _noises(
        [(t.kind, t.rms, t.unit, _size(term)) for t, term in
         zip(fit.terms, fit.problem.terms, strict=True)]
    ).items():  # fmt: skip
        noise[kind] = sizes
    return _checked(fit.model, space, covariance, noise, fit.describes, fit.verdict())


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
        matrix = np.array(held["matrix"], dtype=float)
        if matrix.shape != (len(frees), len(frees)):
            raise ValueError("its covariance has another size than its parameters")
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
    return _checked(
        device, space, matrix, _noises(terms), str(record.get("describes", "yes")), said
    )


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


def _opened(c: Coordinates, z: np.ndarray, information: np.ndarray) -> np.ndarray:
    """The covariance with a factor of ten each way along what is not felt."""
    loose = OPEN * _lengths(c, z)
    scaled = information * np.outer(loose, loose) + np.eye(len(loose))
    return np.linalg.inv(scaled) * np.outer(loose, loose)


def _checked(model, space, covariance, noise, describes, said) -> Knowledge:
    c = space.resolve(model)
    z = c.pack(model)
    known = np.isfinite(np.diag(covariance))
    own = np.where(np.outer(known, known), covariance, 0.0)
    part = np.zeros_like(own)
    part[np.ix_(known, known)] = np.linalg.pinv(own[np.ix_(known, known)], hermitian=True)
    remarks = []
    if not known.all():
        lost = [name for name, fine in zip(c.names, known, strict=True) if not fine]
        remarks.append(
            f"The data leave {', '.join(lost)} open; here a factor of ten each way is taken."
        )
    if describes == "no":
        remarks += [
            "The model does not describe the data: what sharpens its parameters sharpens the "
            "numbers of a wrong model. First find which model does (--rivals).",
            *said,
        ]
    return Knowledge(model, space, _opened(c, z, part), noise, tuple(remarks))


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
