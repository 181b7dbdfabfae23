"""The constant-phase element: exact in frequency, a ladder of R-C branches in time."""

from functools import lru_cache
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from jaxmem.devices.branch import AbstractBranch, Scalar, States
from jaxmem.fields import quantity, require


class CapacitiveLadder(AbstractBranch):
    """Resistor-capacitor pairs in parallel, Y = sum_k s C_k/(1 + s R_k C_k).

    States: the voltages `v_k` over the capacitors [V]; no direct current.
    """

    plain: ClassVar[bool] = True
    rising: ClassVar[bool] = True

    R: Float[Array, "k"] = quantity("ohm", "resistances of the ladder")
    C: Float[Array, "k"] = quantity("F", "capacitances of the ladder")

    @property
    def states(self) -> tuple[str, ...]:
        return tuple(f"v_{k}" for k in range(self.R.shape[-1]))

    @property
    def units(self) -> tuple[str, ...]:
        return ("V",) * self.R.shape[-1]

    def current(self, u: Scalar, x: States) -> Scalar:
        return jnp.sum((u - x) / self.R)

    def rates(self, u: Scalar, x: States) -> States:
        return (u - x) / (self.R * self.C)

    def rest(self, u: Scalar) -> States:
        return jnp.broadcast_to(u, self.R.shape)

    def admittance(self, s, u):
        # In closed form: the sum of di/du and of the states' response cancels at low frequency.
        del u
        s, R, C = self._side_by_side(jnp.asarray(s))
        return jnp.sum(s * C / (1 + s * R * C), axis=-1)

    def admittance_at(self, omega, u):
        del u
        omega, R, C = self._side_by_side(omega)
        x = omega * (R * C)
        im = omega * C / (1 + x * x)
        return jnp.sum(x * im, axis=-1), jnp.sum(im, axis=-1)

    def _side_by_side(self, s):
        """Frequencies, R and C of one rank: the rungs are the last axis."""
        return s[..., None], *(jnp.expand_dims(part, range(s.ndim)) for part in (self.R, self.C))


class ConstantPhase(AbstractBranch):
    """A constant-phase element, Y = Q s^n with 0 < n <= 1, in the place of C_m.

    In frequency it is exact. Transients, stability and circuit export use `ladder()`, which
    keeps |Y| and phase to `accuracy` (relative) over `band` [Hz]. It carries no direct current.
    """

    plain: ClassVar[bool] = True
    rising: ClassVar[bool] = True

    exact_only_in_frequency: ClassVar[bool] = True

    Q: Scalar = quantity("S s^n", "constant-phase coefficient")
    n: Scalar = quantity("1", "constant-phase exponent", bounds=(0.4, 1.0))
    band: tuple[float, float] = eqx.field(static=True, default=(1e-1, 1e7))
    accuracy: float = eqx.field(static=True, default=1e-2)

    def __check_init__(self):
        require(
            lambda n: (n > 0) & (n <= 1),
            self.n,
            message="ConstantPhase: n must lie in (0, 1], got {0}",
        )
        if not 0 < self.band[0] < self.band[1]:
            raise ValueError(f"ConstantPhase: band must rise, in Hz, got {self.band}")

    def current(self, u: Scalar, x: States) -> Scalar:
        # There is no direct current. In time a circuit has the ladder in place of the element.
        del x
        return jnp.zeros_like(u)

    def admittance(self, s, u):
        del u
        # s^n through the logarithm, for s = j omega on the principal branch.
        return self.Q * jnp.exp(self.n * jnp.log(jnp.asarray(s, dtype=complex)))

    def admittance_at(self, omega, u):
        del u
        size = self.Q * jnp.exp(self.n * jnp.log(omega))
        angle = jnp.pi / 2 * self.n
        return size * jnp.cos(angle), size * jnp.sin(angle)

    def in_time(self) -> tuple[Scalar, AbstractBranch]:
        return self.ladder()

    def ladder(self) -> tuple[Scalar, CapacitiveLadder]:
        """A parallel capacitance [F] and the ladder that together stand for the element.

        s^n = sin(n pi)/pi * integral of s e^{(1-n) y}/(1 + s e^y) dy, by the trapezoidal rule,
        which converges exponentially. The sums beyond both ends are geometric: the fast ones
        make a capacitor, the slow ones one branch with the same conductance and first moment.
        """
        step, first, count = _nodes(self.band, self.accuracy)
        n = self.n
        y = first + step * jnp.arange(count)
        weight = self.Q * step * jnp.sin(jnp.pi * (1 - n)) / jnp.pi
        # sin(pi (1 - n)) / (1 - exp(-(1 - n) step)), whose limit at n = 1 is pi / step.
        m = jnp.maximum(1 - n, 1e-12)
        fast = self.Q * jnp.sinc(m) * m * step / -jnp.expm1(-m * step)
        C_fast = fast * jnp.exp(m * (first - step))
        # m is kept above 0, so that the ladder's elements are positive at n = 1.
        weight = jnp.where(1 - n > 1e-12, weight, self.Q * step * m)
        last = y[-1] + step
        G = weight * jnp.exp(-n * last) / -jnp.expm1(-n * step)
        moment = weight * jnp.exp(-(n + 1) * last) / -jnp.expm1(-(n + 1) * step)
        tau_slow = G / moment
        tau = jnp.concatenate([jnp.exp(y), tau_slow[None]])
        g = jnp.concatenate([weight * jnp.exp(-n * y), G[None]])
        return C_fast, CapacitiveLadder(R=1 / g, C=tau * g)


@lru_cache(maxsize=256)
def _nodes(band: tuple[float, float], accuracy: float) -> tuple[float, float, int]:
    """Step, first node (in ln tau) and count of the shortest ladder that keeps the accuracy.

    The search is over the exponents 0.4 to 1 at once, so that the ladder's size does not
    depend on a parameter that is being fitted.
    """
    if not 0 < accuracy < 1:
        raise ValueError(f"ConstantPhase: accuracy must lie in (0, 1), got {accuracy}")
    low, high = np.log(2 * np.pi * np.asarray(band))
    omega = np.exp(np.linspace(low, high, 12 * int(np.ceil((high - low) / 2)) + 12))
    finest = np.pi**2 / np.log(4 / accuracy)
    for count in range(1, 400):
        for step in finest * np.linspace(1.3, 0.6, 15):
            # The fast end is corrected to lower order than the slow end, so it is given more room.
            for share in (0.5, 0.6, 0.7, 0.8, 0.9):
                spare = (count - 1) * step - (high - low)
                first = -high - share * spare
                if _worst_error(omega, step, first, count) <= accuracy:
                    return float(step), float(first), count
    raise ValueError(
        f"ConstantPhase: no ladder below 400 branches keeps {accuracy:g} over {band} Hz; "
        "ask for a narrower band or a lower accuracy"
    )


def _worst_error(omega, step, first, count) -> float:
    worst = 0.0
    s = 1j * omega
    for n in (0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97):
        y = first + step * np.arange(count)
        weight = step * np.sin(np.pi * n) / np.pi
        total = s * weight * np.exp((1 - n) * (first - step)) / (1 - np.exp(-(1 - n) * step))
        last = y[-1] + step
        G = weight * np.exp(-n * last) / (1 - np.exp(-n * step))
        tau = np.append(
            np.exp(y), G / (weight * np.exp(-(n + 1) * last) / (1 - np.exp(-(n + 1) * step)))
        )
        g = np.append(weight * np.exp(-n * y), G)
        total = total + np.sum((s * (g * tau)[:, None]) / (1 + s * tau[:, None]), axis=0)
        worst = max(worst, float(np.max(np.abs(total / s**n - 1))))
    return worst
