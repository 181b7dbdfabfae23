"""The equivalent circuit of a device at a bias: resistances, inductances, capacitance."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from jaxmem.devices.branch import AbstractBranch, Scalar, States, state_space
from jaxmem.devices.constant_phase import ConstantPhase
from jaxmem.devices.device import AbstractDevice, check_device
from jaxmem.devices.perovskite import ActivatedConduction, DelayedConduction, Leak
from jaxmem.devices.relatives import SlowConductance, TwoLagConductance
from jaxmem.responses.steady import OperatingPoint


class EquivalentCircuit(NamedTuple):
    """Elements at a bias. What a device does not have is NaN.

    `R_b` [ohm], `R_a` [ohm] (7), `L_d` [H] (8), `L_k` [H] (15), `R_dc` = dV/dI - R_s [ohm] (9),
    `C_m` [F], `C_lf` [F] low-frequency capacitance, `tau_d` and `tau_a` = L_k/R_a [s].
    """

    R_b: Scalar
    R_a: Scalar
    L_d: Scalar
    L_k: Scalar
    R_dc: Scalar
    C_m: Scalar
    C_lf: Scalar
    tau_d: Scalar
    tau_a: Scalar

    def R_c(self, omega):
        """The second-order term of the inductive branch, -(L_k L_d/R_a) omega^2 [ohm] (17)."""
        return -(self.L_k * self.L_d / self.R_a) * omega**2


@eqx.filter_jit
def equivalent_circuit(device: AbstractDevice, point: OperatingPoint) -> EquivalentCircuit:
    """Elements of the device's inductive branch, dc resistance and low-frequency capacitance.

    1/R_a = (i_c0/V_m) f(1 - f) (7), L_d = tau_d R_a (8), L_k = f tau_k R_a (15),
    R_dc = (1/R_b + 1/R_a)^-1 (9). C_lf = dY/ds at s = 0 (C_m - (tau_d + f tau_k)/R_a for the
    paper's device) is by automatic differentiation, with every branch counted; its zeros are
    where spectra turn from capacitive to inductive. A constant-phase element has no finite
    C_lf: it is left out. With several inductive branches the first one's elements are given.

    **Arguments:**

    - `device`: any device.
    - `point`: an operating point of it.
    """
    check_device("equivalent_circuit", device)
    u = point.u
    nan = jnp.full_like(u, jnp.nan)
    R_a = tau_d = tau_a = nan
    leak = jnp.zeros_like(u)
    for branch in reversed(list(device.branches.values())):
        match branch:
            case DelayedConduction() | ActivatedConduction():
                x = (u - branch.V_T) / branch.V_m
                f, rest = jax.nn.sigmoid(x), jax.nn.sigmoid(-x)
                R_a = branch.V_m / (branch.i_c0 * f * rest)
                tau_d = branch.tau_d
                slow = isinstance(branch, ActivatedConduction)
                tau_a = f * branch.tau_k if slow else nan
            case SlowConductance():
                R_a, tau_d, tau_a = branch.R_a, branch.tau, nan
            case TwoLagConductance():
                R_a, tau_d, tau_a = branch.R_a, branch.tau, branch.tau_2
            case Leak():
                leak = leak + 1 / branch.R_b
            case _:
                pass
    if device.curve is None:
        G, parts = jax.grad(device.steady_current)(u), [(b, None) for b in device.branches.values()]
    else:  # it rests in several states at u: in that of the point
        G, parts = device.admittance(0.0, u, point.x).real, list(device.split(point.x))
    R_dc = 1 / G
    parts = [(b, x) for b, x in parts if not isinstance(b, ConstantPhase)]
    C_lf = device.C_m + sum((_capacitance(b, u, x) for b, x in parts), jnp.zeros_like(u))
    return EquivalentCircuit(
        R_b=1 / leak,
        R_a=R_a,
        L_d=tau_d * R_a,
        L_k=tau_a * R_a,
        R_dc=R_dc,
        C_m=device.C_m,
        C_lf=C_lf,
        tau_d=tau_d,
        tau_a=tau_a,
    )


def _capacitance(branch: AbstractBranch, u: Scalar, x: States | None) -> Scalar:
    """dY/ds at s = 0, -di/dx J^-2 dr/du, at rest or at x."""
    _, i_x, r_u, r_x = state_space(branch, u, x)
    if branch.size == 0:
        return jnp.zeros_like(u)
    return -i_x @ jnp.linalg.solve(r_x, jnp.linalg.solve(r_x, r_u))
