"""Branches beside the memristor's own: what real cells add, and what one spectrum determines."""

from typing import ClassVar

import jax.numpy as jnp
from jax.nn import sigmoid

from jaxmem.devices.branch import AbstractBranch, Scalar, States
from jaxmem.fields import quantity


class Polarisation(AbstractBranch):
    """A resistor and a capacitor in series, Y = s C_1/(1 + s R_1 C_1): slow polarisation.

    State: the voltage `v` over the capacitor [V]; no direct current.
    """

    plain: ClassVar[bool] = True
    rising: ClassVar[bool] = True
    states: ClassVar[tuple[str, ...]] = ("v",)
    units: ClassVar[tuple[str, ...]] = ("V",)

    R_1: Scalar = quantity("ohm", "resistance of the polarisation")
    C_1: Scalar = quantity("F", "capacitance of the polarisation")

    def current(self, u: Scalar, x: States) -> Scalar:
        return (u - x[0]) / self.R_1

    def rates(self, u: Scalar, x: States) -> States:
        return (u - x) / (self.R_1 * self.C_1)

    def rest(self, u: Scalar) -> States:
        return jnp.asarray(u)[None]

    def admittance(self, s, u):
        # In closed form, because di/du + di/dx (s - J)^-1 dr/du cancels below 1/(R_1 C_1).
        del u
        return s * self.C_1 / (1 + s * (self.R_1 * self.C_1))

    def admittance_at(self, omega, u):
        del u
        x = omega * (self.R_1 * self.C_1)
        im = omega * self.C_1 / (1 + x * x)
        return x * im, im


class Photocurrent(AbstractBranch):
    """A constant current source, i = -I_ph: what light drives through a cell, or an offset.

    Positive against the conduction: with I_ph > 0 a cell has I < 0 at V = 0. No state, and no
    admittance.
    """

    plain: ClassVar[bool] = True
    rising: ClassVar[bool] = True

    I_ph: Scalar = quantity("A", "photocurrent, against the conduction", positive=False)

    def current(self, u: Scalar, x: States) -> Scalar:
        del x
        return -self.I_ph + jnp.zeros_like(u)

    def admittance(self, s, u):
        del u
        return jnp.zeros_like(s)

    def admittance_at(self, omega, u):
        del u
        return jnp.zeros_like(omega), jnp.zeros_like(omega)


class SlowConductance(AbstractBranch):
    """A linear conductance that follows with a lag, Y = g/(1 + s tau).

    g > 0 is the chemical inductor of one spectrum, R_a = 1/g in series with L_d = tau/g
    (eqs 6-8); g < 0 is a capacitive slow branch. State: its current `i_s` [A].
    """

    plain: ClassVar[bool] = True
    states: ClassVar[tuple[str, ...]] = ("i_s",)
    units: ClassVar[tuple[str, ...]] = ("A",)

    g: Scalar = quantity("S", "slow conductance", positive=False)
    tau: Scalar = quantity("s", "lag of the slow conductance")

    @property
    def R_a(self) -> Scalar:
        """Resistance of the inductive branch, 1/g [ohm] (eq. 7)."""
        return 1 / self.g

    @property
    def L_d(self) -> Scalar:
        """Inductance of the chemical inductor, tau R_a [H] (eq. 8)."""
        return self.tau / self.g

    def current(self, u: Scalar, x: States) -> Scalar:
        del u
        return x[0]

    def rates(self, u: Scalar, x: States) -> States:
        return (self.g * u - x) / self.tau

    def rest(self, u: Scalar) -> States:
        return (self.g * u)[None]

    def admittance_at(self, omega, u):
        del u
        x = omega * self.tau
        re = self.g / (1 + x * x)
        return re, -x * re


class TwoLagConductance(AbstractBranch):
    """A linear conductance behind two lags, Y = g/((1 + s tau)(1 + s tau_2)).

    The 3D model at one bias: R_a = 1/g, tau = tau_d, tau_2 = f tau_k (eqs 13, 14). Exchanging
    the two lags changes nothing that can be measured. States: the lagging drive `j` and the
    current `i_s` [A].
    """

    plain: ClassVar[bool] = True
    states: ClassVar[tuple[str, ...]] = ("i_s", "j")
    units: ClassVar[tuple[str, ...]] = ("A", "A")

    g: Scalar = quantity("S", "slow conductance", positive=False)
    tau: Scalar = quantity("s", "first lag")
    tau_2: Scalar = quantity("s", "second lag")

    @property
    def R_a(self) -> Scalar:
        """1/g [ohm]."""
        return 1 / self.g

    @property
    def L_d(self) -> Scalar:
        """tau/g [H]."""
        return self.tau / self.g

    def current(self, u: Scalar, x: States) -> Scalar:
        del u
        return x[0]

    def rates(self, u: Scalar, x: States) -> States:
        return jnp.stack([(x[1] - x[0]) / self.tau, (self.g * u - x[1]) / self.tau_2])

    def rest(self, u: Scalar) -> States:
        return jnp.stack([self.g * u, self.g * u])

    def admittance_at(self, omega, u):
        del u
        x, y = omega * self.tau, omega * self.tau_2
        size = self.g / ((1 + x * x) * (1 + y * y))
        return (1 - x * y) * size, -(x + y) * size


class MemoryConductance(AbstractBranch):
    """A conductance between two values, set by an occupation m that relaxes.

        i = (g_off + (g_on - g_off) m) u
        tau dm/dt = 1/(1 + exp(-(u - V_T)/V_m)) - m

    State: `m` in [0, 1].
    """

    plain: ClassVar[bool] = True
    states: ClassVar[tuple[str, ...]] = ("m",)
    units: ClassVar[tuple[str, ...]] = ("1",)

    g_on: Scalar = quantity("S", "conductance when switched on")
    g_off: Scalar = quantity("S", "conductance when switched off", zero_allowed=True)
    V_T: Scalar = quantity("V", "switching voltage", positive=False)
    V_m: Scalar = quantity("V", "steepness of the switching")
    tau: Scalar = quantity("s", "time of the switching")

    def current(self, u: Scalar, x: States) -> Scalar:
        return (self.g_off + (self.g_on - self.g_off) * x[0]) * u

    def rates(self, u: Scalar, x: States) -> States:
        return (self.rest(u) - x) / self.tau

    def rest(self, u: Scalar) -> States:
        return sigmoid((u - self.V_T) / self.V_m)[None]

    def window(self) -> tuple[Scalar, Scalar]:
        return self.V_T, self.V_m
