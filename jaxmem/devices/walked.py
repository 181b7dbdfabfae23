"""A branch that gives its rates only, with its equilibria followed once."""

import equinox as eqx
import jax.numpy as jnp

from jaxmem.devices.branch import AbstractBranch, Scalar, States
from jaxmem.devices.walk import RestWalk, place


class Walked(AbstractBranch):
    """The branch `inner` with the walk along its equilibria (see `AbstractDevice.walked`)."""

    inner: AbstractBranch = eqx.field()
    found: RestWalk = eqx.field()

    @classmethod
    def of(cls, branch: AbstractBranch) -> "Walked":
        """The branch, walked now."""
        return cls(branch, branch.walk())

    @property
    def states(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.inner.states

    @property
    def units(self):  # pyright: ignore[reportIncompatibleVariableOverride]
        return self.inner.units

    def current(self, u: Scalar, x: States) -> Scalar:
        return self.inner.current(u, x)

    def rates(self, u: Scalar, x: States) -> States:
        return self.inner.rates(u, x)

    def rest_curve(self, s: Scalar) -> tuple[Scalar, States]:
        return _place(self, s)

    def rest_range(self) -> tuple[Scalar, Scalar]:
        end = self.found.end
        return jnp.zeros_like(end), end

    def chart(self, x: States) -> States:
        return self.inner.chart(x)

    def unchart(self, z: States) -> States:
        return self.inner.unchart(z)

    def chart_rates(self, u: Scalar, z: States) -> States:
        return self.inner.chart_rates(u, z)

    def window(self):
        return self.inner.window()

    def scale_current(self):
        return self.inner.scale_current()


@eqx.filter_jit
def _place(branch, s):
    # A program within the program: traced and differentiated once, and called wherever it is asked.
    return place(branch.inner.rates, branch.found, s)
