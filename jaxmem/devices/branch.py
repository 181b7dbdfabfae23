"""What a branch is: one path for current across the active layer, with its memory."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from jaxmem.quantity import check_positive

Scalar = Float[Array, ""]
States = Float[Array, "n"]


class AbstractBranch(eqx.Module):
    """One path for current across the layer; branches of a device lie in parallel.

    A branch with memory has `states`, physical quantities x (a current, an occupation), and says
    three things: the `current` i(u, x) [A] at the voltage u [V], the `rates` dx/dt [1/s times
    the state's unit] and the equilibrium `rest` x*(u). That is all that a branch of your own
    needs: current-voltage curves, impedance, transients, stability, fits follow from it by
    automatic differentiation.

    For the time integrator, and for it alone, a branch may declare a *chart* z = chart(x) in
    which its states are of order one and its rates stay smooth and finite; the default is the
    identity. `window` may name the voltages where the branch is steep.
    """

    states: ClassVar[tuple[str, ...]] = ()
    units: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def current(self, u: Scalar, x: States) -> Scalar:
        """Current through the branch [A]."""

    def rates(self, u: Scalar, x: States) -> States:
        """Time derivatives of the states."""
        del u
        return jnp.zeros_like(x)

    def rest(self, u: Scalar) -> States:
        """The states at equilibrium with a constant voltage u."""
        return jnp.zeros((0,), dtype=jnp.result_type(u, float))

    def admittance(self, s: Complex[Array, "..."], u: Scalar) -> Complex[Array, "..."]:
        """Small-signal admittance Y(s) = di/du + di/dx (s - J)^-1 dr/du [S] at rest at u.

        `s` is the complex frequency [rad/s], any shape.
        """
        return state_space_admittance(self, s, u)

    # The chart: what only the time integrator sees.

    def chart(self, x: States) -> States:
        """Physical states to the integrator's coordinates."""
        return x

    def unchart(self, z: States) -> States:
        """The integrator's coordinates to physical states."""
        return z

    def chart_rates(self, u: Scalar, z: States) -> States:
        """dz/dt, in a form that is stable for every z."""
        return self.rates(u, self.unchart(z))

    def chart_rest(self, u: Scalar) -> States:
        """chart(rest(u)), in a form that keeps its digits."""
        return self.chart(self.rest(u))

    def window(self) -> tuple[Scalar, Scalar] | None:
        """Centre and width [V] of the voltages where the branch is steep, if there are any."""
        return None

    def scale_current(self) -> Scalar | None:
        """A current [A] that the branch can reach, if it has one of its own."""
        return None

    def __check_init__(self):
        check_positive(self)

    @property
    def size(self) -> int:
        """How many states the branch has."""
        return len(self.states)


def state_space(branch: AbstractBranch, u: Scalar):
    """The branch linearised at rest: di/du, di/dx (n,), dr/du (n,), dr/dx (n, n)."""
    x = branch.rest(u)
    i_u, i_x = jax.jacfwd(branch.current, argnums=(0, 1))(u, x)
    if branch.size == 0:
        empty = jnp.zeros((0,), i_u.dtype)
        return i_u, empty, empty, jnp.zeros((0, 0), i_u.dtype)
    r_u, r_x = jax.jacfwd(branch.rates, argnums=(0, 1))(u, x)
    return i_u, i_x, r_u, r_x


def state_space_admittance(branch: AbstractBranch, s, u):
    """Y(s) by automatic differentiation of current and rates (the definition of `admittance`)."""
    i_u, i_x, r_u, r_x = state_space(branch, u)
    s = jnp.asarray(s, dtype=jnp.result_type(s, jnp.complex64))
    n = branch.size
    if n == 0:
        return jnp.broadcast_to(i_u.astype(s.dtype), s.shape)
    # (s - J) v = dr/du by elimination unrolled over the states: XLA's batched complex solve is
    # 40 times slower on CPU. Rows are scaled by their pivots' moduli through the reciprocal.
    matrix = [[(s if i == j else 0.0) - r_x[i, j] for j in range(n)] for i in range(n)]
    right = [jnp.broadcast_to(r_u[i].astype(s.dtype), s.shape) for i in range(n)]
    if n > 4:
        full = s[..., None, None] * jnp.eye(n) - r_x
        v = jnp.linalg.solve(full, jnp.broadcast_to(r_u, (*s.shape, n))[..., None])[..., 0]
        return i_u + v @ i_x.astype(s.dtype)
    for k in reversed(range(n)):
        inverse = _reciprocal(matrix[k][k])
        for i in range(k):
            factor = matrix[i][k] * inverse
            right[i] = right[i] - factor * right[k]
            for j in range(k):
                matrix[i][j] = matrix[i][j] - factor * matrix[k][j]
        matrix[k] = [m * inverse for m in matrix[k]]
        right[k] = right[k] * inverse
    solution = []
    for i in range(n):
        solution.append(right[i] - sum(matrix[i][j] * solution[j] for j in range(i)))
    return i_u + sum(i_x[i] * v for i, v in enumerate(solution))


def _reciprocal(z):
    """1/z without XLA's slow complex division, safe from overflow of |z|^2."""
    re, im = z.real, z.imag
    size = jnp.maximum(jnp.abs(re), jnp.abs(im))
    size = jnp.where(size == 0, 1.0, size)
    re, im = re / size, im / size
    modulus = re * re + im * im
    return jax.lax.complex(re / modulus / size, -im / modulus / size)
