"""The branches of the halide perovskite memristor (Bisquert and Guerrero 2022, eqs 1-4, 11, 12)."""

from typing import ClassVar

import jax.numpy as jnp
from jax.nn import sigmoid, softplus

from jaxmem.devices.branch import AbstractBranch, Scalar, States
from jaxmem.fields import quantity

# exp() is capped so that derivatives of it stay finite in every precision.
CAP = {"float64": 100.0, "float32": 40.0}


def _cap(value):
    return CAP.get(jnp.result_type(value).name, 10.0)


class Leak(AbstractBranch):
    """Ohmic conduction, i = u/R_b."""

    plain: ClassVar[bool] = True
    rising: ClassVar[bool] = True

    R_b: Scalar = quantity("ohm", "parallel resistance")

    def current(self, u: Scalar, x: States) -> Scalar:
        del x
        return u / self.R_b

    def admittance_at(self, omega, u):
        del u
        return jnp.broadcast_to(1 / self.R_b, omega.shape), jnp.zeros_like(omega)


class DelayedConduction(AbstractBranch):
    """Voltage-activated conduction that follows with a delay (the paper's 2D model).

        tau_d di_c/dt = i_c0 f_ss(u) - i_c                              (2)
        f_ss(u) = 1/(1 + exp(-(u - V_T)/V_m))                           (4)

    State: `i_c` [A].
    """

    plain: ClassVar[bool] = True
    rising: ClassVar[bool] = True
    states: ClassVar[tuple[str, ...]] = ("i_c",)
    units: ClassVar[tuple[str, ...]] = ("A",)

    i_c0: Scalar = quantity("A", "saturated slow current")
    V_T: Scalar = quantity("V", "threshold voltage", positive=False)
    V_m: Scalar = quantity("V", "ideality voltage, steepness of the onset")
    tau_d: Scalar = quantity("s", "delay of the slow current")

    def current(self, u: Scalar, x: States) -> Scalar:
        del u
        return x[0]

    def rates(self, u: Scalar, x: States) -> States:
        return (self.rest(u) - x) / self.tau_d

    def rest(self, u: Scalar) -> States:
        return (self.i_c0 * sigmoid((u - self.V_T) / self.V_m))[None]

    def chart(self, x: States) -> States:
        return x / self.i_c0

    def unchart(self, z: States) -> States:
        return z * self.i_c0

    def chart_rates(self, u: Scalar, z: States) -> States:
        return (sigmoid((u - self.V_T) / self.V_m) - z) / self.tau_d

    def window(self) -> tuple[Scalar, Scalar]:
        return self.V_T, self.V_m

    def scale_current(self) -> Scalar:
        return self.i_c0


class ActivatedConduction(AbstractBranch):
    """Delayed conduction whose activation has a time of its own (the paper's 3D model).

        tau_d di_c/dt = i_c0 f - i_c                                    (11)
        tau_k df/dt = (1 - f) - exp(-(u - V_T)/V_m) f                   (12)

    States: `i_c` [A] and the occupation `f` in (0, 1). In rates the exponential is capped
    where the occupation is below exp(-600) anyhow.

    The integrator sees w = logit f: with x = (u - V_T)/V_m, equation (12) is
    w' = -(1 + exp(-w)) expm1(w - x)/tau_k, which keeps f in (0, 1) and its digits at both ends.
    """

    plain: ClassVar[bool] = True
    rising: ClassVar[bool] = True
    states: ClassVar[tuple[str, ...]] = ("i_c", "f")
    units: ClassVar[tuple[str, ...]] = ("A", "1")

    i_c0: Scalar = quantity("A", "saturated slow current")
    V_T: Scalar = quantity("V", "threshold voltage", positive=False)
    V_m: Scalar = quantity("V", "ideality voltage, steepness of the onset")
    tau_d: Scalar = quantity("s", "delay of the slow current")
    tau_k: Scalar = quantity("s", "activation time of the occupation")

    def _x(self, u):
        return (u - self.V_T) / self.V_m

    def current(self, u: Scalar, x: States) -> Scalar:
        del u
        return x[0]

    def rates(self, u: Scalar, x: States) -> States:
        i_c, f = x
        closing = jnp.exp(jnp.minimum(-self._x(u), 6 * _cap(u)))
        return jnp.stack([(self.i_c0 * f - i_c) / self.tau_d, ((1 - f) - closing * f) / self.tau_k])

    def rest(self, u: Scalar) -> States:
        # Capped like the rates, so that the two agree to the last digit of their balance.
        f = sigmoid(jnp.maximum(self._x(u), -6 * _cap(u)))
        return jnp.stack([self.i_c0 * f, f])

    def chart(self, x: States) -> States:
        i_c, f = x
        return jnp.stack([i_c / self.i_c0, jnp.log(f) - jnp.log1p(-f)])

    def unchart(self, z: States) -> States:
        return jnp.stack([z[0] * self.i_c0, sigmoid(z[1])])

    def chart_rates(self, u: Scalar, z: States) -> States:
        i, w = z
        cap = _cap(w)
        opening = -(1 + jnp.exp(jnp.minimum(-w, cap)))
        return jnp.stack(
            [
                (sigmoid(w) - i) / self.tau_d,
                opening * jnp.expm1(jnp.minimum(w - self._x(u), cap)) / self.tau_k,
            ]
        )

    def chart_rest(self, u: Scalar) -> States:
        x = self._x(u)
        return jnp.stack([jnp.exp(-softplus(-x)), x])

    def window(self) -> tuple[Scalar, Scalar]:
        return self.V_T, self.V_m

    def scale_current(self) -> Scalar:
        return self.i_c0
