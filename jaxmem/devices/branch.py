"""What a branch is: one path for current across the active layer, with its memory."""

import abc
from typing import ClassVar

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Complex, Float

from jaxmem.devices.admittance import state_space as state_space
from jaxmem.devices.admittance import state_space_admittance, state_space_parts
from jaxmem.devices.walk import RestWalk, follow, place
from jaxmem.fields import check_positive
from jaxmem.printed import Printed

Scalar = Float[Array, ""]
States = Float[Array, "n"]


class AbstractBranch(Printed):
    """One path for current across the layer; branches of a device lie in parallel.

    A branch with memory has `states`, physical quantities x (a current, an occupation), and says
    three things: the `current` i(u, x) [A] at the voltage u [V], the `rates` dx/dt [1/s times
    the state's unit] and the equilibrium `rest` x*(u). Current-voltage curves, impedance,
    transients, stability, fits follow from it by automatic differentiation. A branch may say by
    `window` where it is steep: equilibria and Hopf points are looked for there, and at all other
    voltages, most densely where current and states bend. `plain = True` says that it has nothing to
    look for outside its window, or nowhere without one (linear, or one smooth exponential): the
    search is then shorter. `rising = True` says that its steady current rises with u, or does not
    move, whatever its values are: where all branches of a device say so there is one equilibrium at
    a bias, and no search for others. Where the equilibrium is no function of u, `rest_curve` or
    `rest_box` stands in the place of `rest`.

    For the time integrator, and for it alone, a branch may declare a *chart* z = chart(x) in
    which its states are of order one and its rates stay smooth and finite; the default is the
    identity.
    """

    states: ClassVar[tuple[str, ...]] = ()
    units: ClassVar[tuple[str, ...]] = ()
    plain: ClassVar[bool] = False
    rising: ClassVar[bool] = False

    @abc.abstractmethod
    def current(self, u: Scalar, x: States) -> Scalar:
        """Current through the branch [A]."""

    def rates(self, u: Scalar, x: States) -> States:
        """Time derivatives of the states."""
        del u
        return jnp.zeros_like(x)

    def rest(self, u: Scalar) -> States:
        """The states at equilibrium with a constant voltage u."""
        if self.has_curve:
            raise ValueError(
                f"{type(self).__name__} may rest in several states at one voltage (`rest_curve`); "
                "give I= or V=, or an operating point of `operating_points`"
            )
        return jnp.zeros((0,), dtype=jnp.result_type(u, float))

    def rest_box(self) -> tuple[States, States]:
        """The lowest and the highest (u, x), as two vectors of 1 + n numbers.

        In the place of `rest`, for a branch that gives no more than its `rates`: its equilibria in
        this box are followed by arclength, from that at the lowest voltage on, through folds. What
        does not hang together with that one is not seen.
        """
        raise ValueError(f"{type(self).__name__} gives no `rest_box`")

    def rest_curve(self, s: Scalar) -> tuple[Scalar, States]:
        """u [V] and the states at equilibrium, over a parameter s of the branch's own.

        In the place of `rest`, for a branch that may rest in several states at one voltage, as a
        threshold switch does: u is then a function of the state (of its temperature), and not the
        state one of u. s ascends from the equilibrium at the lowest current to the highest.
        """
        if self.rates_only:
            return place(self.rates, self.walk(), s)
        raise ValueError(
            f"{type(self).__name__} gives no curve of equilibria (`rest_curve`); its equilibrium "
            "at a voltage is `rest(u)`"
        )

    def rest_range(self) -> tuple[Scalar, Scalar]:
        """The least and the largest s of `rest_curve`."""
        if self.rates_only:
            end = self.walk().end
            return jnp.zeros_like(end), end
        raise ValueError(
            f"{type(self).__name__} gives no `rest_range`; a branch with a `rest_curve(s)` must "
            "say the least and the largest s, or its equilibria cannot be looked for"
        )

    @property
    def has_curve(self) -> bool:
        """Whether its equilibria are a curve: it gives `rest_curve`, or its `rates` in a box."""
        return type(self).rest_curve is not AbstractBranch.rest_curve or self.rates_only

    @property
    def rates_only(self) -> bool:
        """Whether the branch gives neither `rest` nor `rest_curve`, but a `rest_box`."""
        own = lambda method: getattr(type(self), method) is not getattr(AbstractBranch, method)
        return own("rest_box") and not own("rest") and not own("rest_curve")

    def walk(self) -> RestWalk:
        """The equilibria in its `rest_box`, for a branch with `rates_only`."""
        return _walk(jax.lax.stop_gradient(self))

    def admittance(self, s: Complex[Array, "..."], u: Scalar) -> Complex[Array, "..."]:
        """Small-signal admittance Y(s) = di/du + di/dx (s - J)^-1 dr/du [S] at rest at u.

        `s` is the complex frequency [rad/s], any shape.
        """
        return state_space_admittance(self, s, u)

    def admittance_at(
        self, omega: Float[Array, "..."], u: Scalar
    ) -> tuple[Float[Array, "..."], Float[Array, "..."]]:
        """Re Y and Im Y [S] at s = j omega, `omega` in rad/s: what fits evaluate.

        A branch need not define it. It may, where it knows Y in closed form: real arithmetic
        is several times faster than complex on a CPU.
        """
        if type(self).admittance is not AbstractBranch.admittance:
            Y = self.admittance(1j * omega, u)
            return Y.real, Y.imag
        return state_space_parts(self, omega, u)

    # The chart: what only the time integrator sees.

    def chart(self, x: States) -> States:
        """Physical states to the integrator's coordinates."""
        return x

    def unchart(self, z: States) -> States:
        """The integrator's coordinates to physical states."""
        return z

    def chart_rates(self, u: Scalar, z: States) -> States:
        """dz/dt = (dz/dx) rates(u, unchart(z)); a branch with a chart gives it in a stable form."""
        x = self.unchart(z)
        return jax.jvp(self.chart, (x,), (self.rates(u, x),))[1]

    def chart_rest(self, u: Scalar) -> States:
        """chart(rest(u)), in a form that keeps its digits."""
        return self.chart(self.rest(u))

    def window(self) -> tuple[Scalar, Scalar] | None:
        """Centre and width [V] of the voltages where the branch is steep, if there are any."""
        return None

    def scale_current(self) -> Scalar | None:
        """A current [A] that the branch can reach, if it has one of its own."""
        return None

    def in_netlist(self) -> "AbstractBranch":
        """The branch as circuit simulators are told it: a branch of the same states and chart.

        Its program is translated, and what it uses that simulators have no word for (a table, a
        loop) must be said otherwise here. The two are compared when a netlist is made.
        """
        return self

    def __check_init__(self):
        check_positive(self)

    @property
    def size(self) -> int:
        """How many states the branch has."""
        return len(self.states)


@eqx.filter_jit
def _walk(branch):
    low, high = (jnp.asarray(end, jnp.result_type(float)) for end in branch.rest_box())
    return follow(branch.rates, low, high)
