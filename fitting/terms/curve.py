"""A measured steady current-voltage curve as a term of a fit."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from fitting.terms.measurement import AbstractMeasurement, Sizes
from fitting.terms.noise_model import Noise, check_columns, sigma_and_noise
from fitting.terms.spectrum_batch import Branch, check_branch
from jaxmem.devices import AbstractDevice
from jaxmem.responses import operating_point


class SteadyCurve(AbstractMeasurement):
    """The steady curve I(u) = u/R_b + i_c0 f_ss(u) (eq. 5) of any device, as measured.

    **Arguments:**

    - `observed`: the currents [A] at given voltages, or the applied voltages [V] at given
      currents, shape `(n,)`.
    - `u`, `V`, `I`: one of them, shape `(n,)`: voltages over the memristor [V], applied voltages
      [V], or currents [A].
    - `branch`: which of several equilibria at a V or an I, as in `operating_point`: a number or
      `"rest"`, for all points. By default the one that is reached from rest.
    - `sigma`: standard deviation of a point, a number, shape `(n,)` or a noise model; None:
      proportional to its size, with a factor that the fit estimates.
    - `label`, `source`: what to call it and the file it came from.

    **Raises:** `ValueError` if not exactly one bias is given, shapes differ, a value is not finite,
    or sigma is not positive.
    """

    observed: np.ndarray
    given: np.ndarray
    sigma: np.ndarray | None
    noise: Noise | None = eqx.field(static=True)
    kind: str = eqx.field(static=True)
    label: str = eqx.field(static=True)
    source: str = eqx.field(static=True)
    branch: Branch = eqx.field(static=True)

    def __init__(
        self, observed, *, u=None, V=None, I=None, sigma=None, label="", source="", branch=None
    ):
        given = {k: v for k, v in (("u", u), ("V", V), ("I", I)) if v is not None}
        self.label, self.source = label, source
        if len(given) != 1:
            raise ValueError(f"{self.name}: give the bias once, as u, V or I")
        ((self.kind, bias),) = given.items()
        check_branch(self.name, branch, self.kind)
        self.branch = branch
        self.observed = np.asarray(observed, dtype=float)
        self.given = np.asarray(bias, dtype=float)
        check_columns(self.name, "point", bias=self.given, observed=self.observed)
        self.sigma, self.noise = sigma_and_noise(self.name, sigma, self.observed)
        if self.sigma is None and (self.observed == 0).any():
            raise ValueError(f"{self.name}: a value of 0 has no relative weight; give sigma")

    noun = ("steady curve", "steady curves")
    spans_decades = True

    @property
    def unit(self) -> str:
        """Of what was observed, A or V."""
        return "V" if self.kind == "I" else "A"

    def signal(self, model: AbstractDevice) -> Float[Array, "n"]:
        """The model's values at the bias."""
        bias = jnp.asarray(self.given)
        if self.kind == "u":
            if model.curve is None:
                return jax.vmap(model.steady_current)(bias)
            if not isinstance(self.branch, int):
                raise ValueError(
                    "a steady curve of a device that may rest in several states at one voltage "
                    "(`rest_curve`) wants currents, I=, or applied voltages, V=, or the number of "
                    "a state, branch="
                )
        several = model.curve is not None or any(not b.plain for b in model.branches.values())
        chosen = self.branch if self.branch is not None else "rest" if several else None
        at: Any = lambda value: operating_point(model, **{self.kind: value}, branch=chosen)
        # One after the other: each looks for all equilibria, and lanes would wait for the slowest.
        found = jax.lax.map(at, bias)
        return found.V if self.kind == "I" else found.I

    def sizes(self) -> Sizes:
        """Voltages and currents, without times."""
        pair = (self.observed, self.given) if self.kind == "I" else (self.given, self.observed)
        return Sizes(*pair)

    @property
    def quantity(self) -> str:
        """Which signal it is."""
        return "V" if self.kind == "I" else "I"

    @property
    def abscissa(self) -> tuple[str, str, np.ndarray]:
        """What was held at each point."""
        return f"steady {self.kind}", "A" if self.kind == "I" else "V", self.given
