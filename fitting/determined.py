"""Which combinations data determine where they do not determine the parameters themselves."""

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fitting.mirror import biases
from fitting.problem import Problem
from jaxmem.devices import AbstractDevice

# A combination counts as determined if moving along any null direction changes it by less than
# this share of what a move of the same length can change it by.
FIXED = 1e-3


def determined(
    problem: Problem, z: Float[np.ndarray, "p"], null: Float[np.ndarray, "k p"]
) -> tuple[str, ...]:
    """Names of the combinations that stay the same along all null directions.

    Tried are R_b, C_m, V_m, tau_d, tau_k, i_c0 exp(-V_T/V_m), and at each bias R_a (7), f tau_k and
    the dc current I(u) (5); of a parameter that is determined by itself the combination is left
    out. `null` holds directions in search coordinates as rows. Nothing for other devices.
    """
    model = problem.model
    if not len(null) or not isinstance(model, AbstractDevice) or not hasattr(model, "i_c0"):
        return ()
    # With a bias that is a current or an applied voltage u moves with the parameters.
    at_u = all(s.bias[0] == "u" for s in problem.spectra)
    u = (
        np.zeros(0)
        if not at_u
        else np.unique(
            np.round(biases(problem, problem.coordinates.unpack(jnp.asarray(z), model)), 9)
        )
    )
    names = ["R_b", "C_m", "V_m", "tau_d", "i_c0 exp(-V_T/V_m)"]
    names += ["tau_k"] if hasattr(model, "tau_k") else []
    at = [f" at u = {x:.3g} V" for x in u] if len(u) > 1 else [""] * len(u)
    three = hasattr(model, "tau_k")
    for where in at:
        names += [f"R_a{where}", f"I(u){where}"] + ([f"f tau_k{where}"] if three else [])
    slopes = np.asarray(_slopes(model, problem.coordinates, jnp.asarray(z), jnp.asarray(u)))
    found = []
    unit = null / np.linalg.norm(null, axis=1, keepdims=True)
    for name, slope in zip(names, slopes, strict=True):
        size = np.linalg.norm(slope)
        if size > 0 and np.abs(unit @ slope).max() < FIXED * size:
            found.append(name)
    return tuple(found)


def saturation(names: tuple[str, ...], lost: tuple[str, ...], kept: tuple[str, ...]) -> str:
    """The sentence for the commonest case, a curve that does not saturate; else nothing."""
    combined = "i_c0 exp(-V_T/V_m)"
    if combined in kept and {"i_c0", "V_T"} <= set(lost) <= set(names):
        return f"i_c0 and V_T enter only as {combined}: the curve does not saturate."
    return ""


@eqx.filter_jit
def _slopes(model, coordinates, z, u):
    def logs(z):
        d: Any = coordinates.unpack(z, model)
        rows = [jnp.log(d.R_b), jnp.log(jnp.where(d.C_m > 0, d.C_m, 1.0)), jnp.log(d.V_m)]
        rows += [jnp.log(d.tau_d), jnp.log(d.i_c0) - d.V_T / d.V_m]
        rows += [jnp.log(d.tau_k)] if hasattr(d, "tau_k") else []
        for k in range(u.shape[0]):
            x = (u[k] - d.V_T) / d.V_m
            ln_f, ln_g = -jax.nn.softplus(-x), -jax.nn.softplus(x)
            rows.append(jnp.log(d.V_m) - jnp.log(d.i_c0) - ln_f - ln_g)
            rows.append(jnp.log(jnp.abs(d.steady_current(u[k]))))
            rows += [ln_f + jnp.log(d.tau_k)] if hasattr(d, "tau_k") else []
        return jnp.stack(rows)

    return jax.jacfwd(logs)(z)
