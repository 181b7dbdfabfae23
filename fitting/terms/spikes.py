"""What was measured of a device's spikes, as a term of a fit."""

from typing import Any

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import jaxmem as jm
from fitting.terms.measurement import AbstractMeasurement
from fitting.terms.noise_model import Noise, proportional

FEATURES = {"frequency": "Hz", "amplitude": "V", "threshold": "A"}
# A cycle is as exact as this share of the least relative deviation, within these ends.
EXACT, EXACT_ENOUGH = 0.01, (1e-6, 1e-3)


class Spikes(AbstractMeasurement):
    """Features of the oscillation under a constant current.

        Spikes(115e-6, frequency=50.0, amplitude=0.31, threshold=98e-6)

    **Arguments:**

    - `I`: the current [A] at which frequency and amplitude were measured; None if only the
      threshold was.
    - `frequency`: 1/period of the stable limit cycle [Hz].
    - `amplitude`: from the least to the largest u, the voltage over the memristor [V].
    - `threshold`: the current of the first Hopf point [A], above which rest is unstable. (A hard
      onset spikes below it, too, if it is kicked.)
    - `sigma`: noise model of each of them, or their standard deviations in the order above; default
      5 % each. It cannot be estimated from so few numbers.

    The residual is NaN for a device that does not spike at I: a search from there fails, and others
    go on. Give spectra, traces or curves beside it, which are searched first.

    **Raises:** `ValueError` if nothing was measured, a value is not positive and finite, or the
    scale of the noise is said to be unknown.
    """

    I: float | None
    observed: np.ndarray
    sigma: np.ndarray
    features: tuple[str, ...] = eqx.field(static=True)
    label: str = eqx.field(static=True)
    # How exact a cycle must be: no more than the measurement asks for, or a step to a device whose
    # cycle is known well enough would be refused. Static, because it is worked out by NumPy.
    cycle_rtol: float = eqx.field(static=True)

    def __init__(
        self, I=None, *, frequency=None, amplitude=None, threshold=None, sigma=None, label=""
    ):
        given = dict(frequency=frequency, amplitude=amplitude, threshold=threshold)
        given = {name: value for name, value in given.items() if value is not None}
        self.features, self.label = tuple(given), label
        self.observed = np.array([float(value) for value in given.values()])
        if not given:
            raise ValueError(f"Spikes: give one at least of {', '.join(FEATURES)}")
        if not (np.isfinite(self.observed) & (self.observed > 0)).all():
            raise ValueError(f"Spikes: {', '.join(given)} must be positive and finite")
        if self.cycle and I is None:
            raise ValueError("Spikes: give the current I [A] at which they were measured")
        self.I = None if I is None else float(I)
        sigma = proportional(0.05) if sigma is None else sigma
        if isinstance(sigma, Noise) and not sigma.known:
            raise ValueError("Spikes: so few numbers do not tell their noise; give its size")
        sigma = sigma.sigma(self.observed) if isinstance(sigma, Noise) else sigma
        self.sigma = np.broadcast_to(np.asarray(sigma, dtype=float), self.observed.shape)
        if not (np.isfinite(self.sigma) & (self.sigma > 0)).all():
            raise ValueError("Spikes: sigma must be positive and finite")
        exact = EXACT * np.min(self.sigma / self.observed)
        self.cycle_rtol = float(np.clip(exact, *EXACT_ENOUGH))

    noun = ("measurement of spikes", "measurements of spikes")
    # A limit cycle is searched after the terms that every device has an answer to.
    integrates = True
    # Each feature has its own unit: what is off is told in standard deviations, those of `sigma`.
    unit = "standard deviations"
    noise = None
    fraction_of = "each feature"

    @property
    def name(self) -> str:
        """The label, or else what was measured."""
        return self.label or f"spikes: {', '.join(self.features)}"

    def misfit(self, off: Float[np.ndarray, "n"]) -> tuple[float, str]:
        """Root mean square in standard deviations."""
        return float(np.sqrt(np.mean((off / self.sigma) ** 2))), self.unit

    def fraction(self, off: Float[np.ndarray, "n"]) -> float:
        """Root mean square of differences relative to each feature."""
        return float(np.sqrt(np.mean((off / self.observed) ** 2)))

    def check(self, model: Any) -> None:
        """See `AbstractMeasurement.check`; a 2D device has no second lag, and does not spike."""
        super().check(model)
        if isinstance(model, jm.Memristor2D):
            raise ValueError(
                "a 2D device does not spike under a constant current (it has no second lag); fit "
                'spikes with device = "3d"'
            )

    @property
    def cycle(self) -> bool:
        """Whether a limit cycle must be found."""
        return bool({"frequency", "amplitude"} & set(self.features))

    def signal(self, model: Any) -> Float[Array, "n"]:
        """The features of a device, in the order of `features`; NaN where there is none."""
        found: dict[str, Any] = {}
        if self.cycle:
            drive = jm.CurrentDrive(jm.Constant(jnp.asarray(self.I, dtype=float)))
            cycle = jm.limit_cycle(jm.Circuit(model, drive), rtol=self.cycle_rtol, throw=False)
            found = {"frequency": 1 / cycle.period, "amplitude": cycle.u_max - cycle.u_min}
        if "threshold" in self.features:
            hopf = jm.hopf_points(model, drive="current")
            found["threshold"] = jnp.where(hopf.found > 0, hopf.I[0], jnp.nan)
        return jnp.stack([found[name] for name in self.features])

    def readings(self, signal: np.ndarray) -> list[dict[str, Any]]:
        """Each feature beside the model's; a threshold is a current itself."""
        rows = zip(self.features, self.observed, signal, self.sigma, strict=True)
        return [
            {"name": self.name, "I": self.I, "at": None if name == "threshold" else self.I,
             "feature": name, "unit": FEATURES[name], "measured": float(seen), "sd": float(sd),
             "fit": float(model)}
            for name, seen, model, sd in rows
        ]  # fmt: skip

    def figure_row(self, signal: np.ndarray) -> list[Any]:
        """None: its numbers are told in a table."""
        return []
