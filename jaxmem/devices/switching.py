"""Branches of memristors that switch: a conductance whose relaxation depends on the voltage."""

from typing import ClassVar

import jax.numpy as jnp
from jax.nn import sigmoid

from jaxmem.devices.branch import AbstractBranch, Scalar, States
from jaxmem.devices.perovskite import _cap
from jaxmem.fields import quantity


class SwitchingConductance(AbstractBranch):
    """The conductance memristor with a relaxation that depends on the voltage.

        i = [g_off + (g_on - g_off) x] u
        dx/dt = k_up(u) (1 - x) - k_down(u) x = (x_inf(u) - x)/tau(u)
        k_up = k_on exp(u/V_on),    k_down = k_off exp(-u/V_off)
        x_inf = k_up/(k_up + k_down),    tau = 1/(k_up + k_down)

    x is the share of many two-state switches that are on: the metastable switches of Nugent and
    Molter (PLoS ONE 2014, 9, e85175), whose rates saturate, in the limit far below saturation. It
    conducts more after u > 0 and less after u < 0; both rates grow e-fold in V_on, V_off, so that
    it holds its state near u = 0. State: `x` in [0, 1]. Exponentials are capped at exp(100).

    The integrator sees w = logit x, w' = k_up (1 + exp(-w)) - k_down (1 + exp(w)).
    """

    plain: ClassVar[bool] = True
    states: ClassVar[tuple[str, ...]] = ("x",)
    units: ClassVar[tuple[str, ...]] = ("1",)

    g_on: Scalar = quantity("S", "conductance when switched on")
    g_off: Scalar = quantity("S", "conductance when switched off", zero_allowed=True)
    k_on: Scalar = quantity("1/s", "rate of switching on at no voltage")
    k_off: Scalar = quantity("1/s", "rate of switching off at no voltage")
    V_on: Scalar = quantity("V", "steepness of switching on")
    V_off: Scalar = quantity("V", "steepness of switching off")

    def current(self, u: Scalar, x: States) -> Scalar:
        return (self.g_off + (self.g_on - self.g_off) * x[0]) * u

    def _log_rates(self, u):
        cap = _cap(u)
        up = jnp.clip(u / self.V_on, -cap, cap) + jnp.log(self.k_on)
        down = jnp.clip(-u / self.V_off, -cap, cap) + jnp.log(self.k_off)
        return up, down

    def rates(self, u: Scalar, x: States) -> States:
        up, down = self._log_rates(u)
        return jnp.exp(up) * (1 - x) - jnp.exp(down) * x

    def rest(self, u: Scalar) -> States:
        return sigmoid(self.chart_rest(u))

    def chart(self, x: States) -> States:
        return jnp.log(x) - jnp.log1p(-x)

    def unchart(self, z: States) -> States:
        return sigmoid(z)

    def chart_rates(self, u: Scalar, z: States) -> States:
        up, down = self._log_rates(u)
        cap = _cap(z)
        # Factored, so that near equilibrium the difference keeps its digits; on either side by the
        # term that is the smaller one there, so that neither overflows.
        left = jnp.exp(up) * (1 + jnp.exp(jnp.minimum(-z, cap)))
        right = jnp.exp(down) * (1 + jnp.exp(jnp.minimum(z, cap)))
        off = z - (up - down)
        rising = -left * jnp.expm1(jnp.minimum(off, cap))
        falling = right * jnp.expm1(jnp.minimum(-off, cap))
        return jnp.where(off < 0, rising, falling)

    def chart_rest(self, u: Scalar) -> States:
        up, down = self._log_rates(u)
        return (up - down)[None]

    def window(self) -> tuple[Scalar, Scalar]:
        width = 1 / (1 / self.V_on + 1 / self.V_off)
        return width * (jnp.log(self.k_off) - jnp.log(self.k_on)), width


class RectifyingLeak(AbstractBranch):
    """Conduction over two barriers, that of a contact in each direction of its own steepness.

        i = I_0 [exp(u/V_f) - exp(-u/V_r)]

    Ohmic at small u, with the conductance I_0 (1/V_f + 1/V_r). For V_r far above V_f it is a
    Schottky diode. No state. Exponentials are capped at exp(100).
    """

    plain: ClassVar[bool] = True
    rising: ClassVar[bool] = True

    I_0: Scalar = quantity("A", "current of one barrier at no voltage")
    V_f: Scalar = quantity("V", "steepness at u > 0")
    V_r: Scalar = quantity("V", "steepness at u < 0")

    def current(self, u: Scalar, x: States) -> Scalar:
        del x
        cap = _cap(u)
        forward = jnp.expm1(jnp.minimum(u / self.V_f, cap))
        return self.I_0 * (forward - jnp.expm1(jnp.minimum(-u / self.V_r, cap)))
