"""A switch by its own heat, which may rest in several states at one voltage."""

from typing import ClassVar

import jax
import jax.numpy as jnp

from jaxmem.devices.branch import AbstractBranch, Scalar, States
from jaxmem.fields import quantity

# Boltzmann's constant [eV/K].
K_B = 8.617333262e-5
# Newton steps for u at a temperature, from above; each leaves a tenth of the distance or less.
STEPS = 12


class ThermalSwitch(AbstractBranch):
    """Conduction by the Poole-Frenkel effect that heats itself: threshold switches of NbO2.

        i = (u/R_0) exp(-(E_a - b sqrt(|u|))/(k T))
        C_th dT/dt = i u - (T - T_a)/R_th

    Conduction and Newton's cooling after Slesazeck et al., RSC Adv. 2015, 5, 102318, with one heat
    capacity. The current feeds the temperature and the temperature the current, so that u
    falls as the current rises (S-shaped, current-controlled negative differential resistance):
    three states at one voltage. They are single at each temperature, over which the branch gives
    its equilibria,

        T = T_a + s^2,   i u = s^2/R_th,   u of the sign of s,

    s from -sqrt(T_max - T_a) to sqrt(T_max - T_a) [K^(1/2)]. State: `T` [K].

    It oscillates under a voltage through R_s, beside a capacitor, where the load line crosses the
    falling part (the Pearson-Anson oscillator).
    """

    plain: ClassVar[bool] = True
    states: ClassVar[tuple[str, ...]] = ("T",)
    units: ClassVar[tuple[str, ...]] = ("K",)

    R_0: Scalar = quantity("ohm", "resistance without a barrier")
    E_a: Scalar = quantity("eV", "barrier of the conduction")
    b: Scalar = quantity("eV/V^0.5", "lowering of the barrier by the field", zero_allowed=True)
    C_th: Scalar = quantity("J/K", "heat capacity of the filament")
    R_th: Scalar = quantity("K/W", "thermal resistance to the surroundings")
    T_a: Scalar = quantity("K", "temperature of the surroundings", default=300.0)
    T_max: Scalar = quantity(
        "K", "the hottest equilibrium that is looked at", default=1000.0, where_to_look=True
    )

    def _log_conductance(self, root, T):
        """ln(i/u), `root` the square root of |u|."""
        return -jnp.log(self.R_0) - (self.E_a - self.b * root) / (K_B * T)

    def current(self, u: Scalar, x: States) -> Scalar:
        size = jnp.abs(u)
        # The root has no slope at 0, where its product with u has the slope 0.
        root = jnp.sqrt(jnp.where(size > 0, size, 1.0)) * (size > 0)
        return u * jnp.exp(self._log_conductance(root, x[0]))

    def rates(self, u: Scalar, x: States) -> States:
        power = u * self.current(u, x)
        return (power - (x - self.T_a) / self.R_th) / self.C_th

    def rest_curve(self, s: Scalar) -> tuple[Scalar, States]:
        T = self.T_a + s * s
        # With root = sqrt|u| = sqrt|s| w: ln w + h w = c, h the share of the field.
        half = jnp.sqrt(jnp.where(s == 0, 1.0, jnp.abs(s))) * (s != 0)
        h = self.b * half / (4 * K_B * T)
        c = (jnp.log(self.R_0) + self.E_a / (K_B * T) - jnp.log(self.R_th)) / 4

        def newton(_, log_w):
            w = jnp.exp(log_w)
            return log_w - (log_w + h * w - c) / (1 + h * w)

        fixed = jax.lax.stop_gradient((h, c))
        start = jnp.minimum(fixed[1], jnp.log1p(jnp.maximum(fixed[1], 0.0) / (fixed[0] + 1e-30)))
        held = lambda _, y: y - (y + fixed[0] * jnp.exp(y) - fixed[1]) / (1 + fixed[0] * jnp.exp(y))
        log_w = jax.lax.stop_gradient(jax.lax.fori_loop(0, STEPS, held, start))
        # A step with the live numbers carries the first derivatives, a second one the next two.
        w = jnp.exp(newton(1, newton(0, log_w)))
        return s * w**2, T[None]

    def rest_range(self) -> tuple[Scalar, Scalar]:
        most = jnp.sqrt(self.T_max - self.T_a)
        return -most, most
