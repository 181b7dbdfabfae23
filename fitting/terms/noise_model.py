"""How large the noise of a measured number is."""

from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float, Inexact

# What is measured without a sigma is weighted by this share of its size, until the fit has found
# its noise.
SHARE = 0.01


class Noise(eqx.Module):
    """Standard deviation of a measured number: `relative` of its size and `floor`, in quadrature.

    Of Z the size is |Z|, and the deviation that of Re Z and of Im Z [ohm]; of a trace or a curve
    it is that of each sample, in its unit. Noises add in quadrature: `proportional(0.01) +
    absolute(2e-9)`. With `known=False` only the shape is meant, and the fit estimates the scale.
    """

    relative: float = 0.0
    floor: float = 0.0
    known: bool = eqx.field(static=True, default=True)

    def __check_init__(self):
        size = (self.relative, self.floor)
        if not all(np.isfinite(s) and s >= 0 for s in size) or max(size) == 0:
            raise ValueError(f"noise must be positive and finite, got {max(size, key=abs)}")

    def __add__(self, other: "Noise") -> "Noise":
        return Noise(
            float(np.hypot(self.relative, other.relative)),
            float(np.hypot(self.floor, other.floor)),
            self.known and other.known,
        )

    def sigma(self, data: Inexact[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
        """Standard deviation of each point, in the data's unit."""
        return np.hypot(self.relative * np.abs(data), self.floor)


def proportional(r: float) -> Noise:
    """Noise of standard deviation r times the size; r = 0.005 is half a per cent."""
    return Noise(relative=float(r))


def absolute(s: float) -> Noise:
    """Noise of one standard deviation s everywhere, in the data's unit (ohm, A or V)."""
    return Noise(floor=float(s))


def estimated(noise: Noise) -> Noise:
    """Noise of this shape, whose scale the fit estimates from what is left, term by term."""
    return Noise(noise.relative, noise.floor, known=False)


def sigma_and_noise(
    name: str, sigma: Any, observed: np.ndarray
) -> tuple[np.ndarray | None, Noise | None]:
    """What a user gives as sigma: the standard deviations, and the noise model if it is one.

    **Arguments:**

    - `name`: of the measurement, for errors. `observed`: its numbers, shape `(n,)`.
    - `sigma`: a number, shape `(n,)`, of complex numbers also `(2, n)`, a noise model, or None.

    **Raises:** `ValueError` for another shape, or a value that is not positive and finite.
    """
    noise = sigma if isinstance(sigma, Noise) else None
    if sigma is None:
        return None, None
    sigma = np.asarray(sigma if noise is None else noise.sigma(observed), dtype=float)
    parts = [(2, *observed.shape)] if np.iscomplexobj(observed) else []
    if sigma.ndim and sigma.shape not in [observed.shape, *parts]:
        shapes = " or ".join(map(str, [observed.shape, *parts]))
        raise ValueError(f"{name}: sigma must be a number or of shape {shapes}, got {sigma.shape}")
    if not (np.isfinite(sigma) & (sigma > 0)).all():
        raise ValueError(
            f"{name}: sigma must be positive and finite everywhere; proportional noise "
            "needs a floor where the signal passes zero: proportional(r) + absolute(s)"
        )
    return sigma, noise


def check_columns(name: str, point: str, **columns: np.ndarray) -> None:
    """Vectors of one length, finite everywhere.

    **Arguments:**

    - `name`: of the measurement; `point`: what one of its numbers is called. `columns`: by name.

    **Raises:** `ValueError` that says what is not.
    """
    shapes = [a.shape for a in columns.values()]
    if len(set(shapes)) > 1 or len(shapes[0]) != 1:
        raise ValueError(
            f"{name}: {' and '.join(columns)} must be vectors of one length, got shapes "
            f"{' and '.join(map(str, shapes))}"
        )
    good = [np.isfinite(a) for a in columns.values()]
    if not all(a.all() for a in good):
        at = int(np.argmin(np.logical_and.reduce(good)))
        raise ValueError(f"{name}: {point} {at} is not finite; remove it")
