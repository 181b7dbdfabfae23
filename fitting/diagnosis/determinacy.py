"""What data determine, before they are measured; which combinations, where not the parameters."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from fitting.diagnosis.covariance import DECADE, WIDEST, in_words, uncertainty
from fitting.problem.noise import first_guess
from fitting.problem.problem import Problem
from fitting.problem.space import Space
from fitting.terms.spectrum_batch import bias_voltage
from jaxmem.devices import AbstractDevice

# A combination counts as determined if moving along any null direction changes it by less than
# this share of what a move of the same length can change it by.
FIXED = 1e-3
UNITS = {"u": "V", "V": "V", "I": "A"}


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
    # A bias that is a current or an applied voltage leaves u to the parameters.
    seen = {(str(k), float(f"{x:.9g}")) for k, x in problem.biases if k}
    biases = sorted(seen)
    names = ["R_b", "C_m", "V_m", "tau_d", "i_c0 exp(-V_T/V_m)"]
    names += ["tau_k"] if hasattr(model, "tau_k") else []
    at = [f" at {kind} = {x:.6g} {UNITS[kind]}" for kind, x in biases]
    at = at if len(at) > 1 else [""] * len(at)
    three = hasattr(model, "tau_k")
    for where in at:
        names += [f"R_a{where}", f"I(u){where}"] + ([f"f tau_k{where}"] if three else [])
    values = {kind: jnp.asarray([x for k, x in biases if k == kind]) for kind, _ in biases}
    slopes = np.asarray(_slopes(model, problem.coordinates, jnp.asarray(z), values))
    found = []
    unit = null / np.linalg.norm(null, axis=1, keepdims=True)
    for name, slope in zip(names, slopes, strict=True):
        size = np.linalg.norm(slope)
        if name.startswith("I(u)") and (" at I" in name or set(values) == {"I"}):
            # It is what was imposed.
            continue
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
def _slopes(model, coordinates, z, values):
    def logs(z):
        d: Any = coordinates.unpack(z, model)
        rows = [jnp.log(d.R_b), jnp.log(jnp.where(d.C_m > 0, d.C_m, 1.0)), jnp.log(d.V_m)]
        rows += [jnp.log(d.tau_d), jnp.log(d.i_c0) - d.V_T / d.V_m]
        rows += [jnp.log(d.tau_k)] if hasattr(d, "tau_k") else []

        def at(u):
            x = (u - d.V_T) / d.V_m
            ln_f, ln_g = -jax.nn.softplus(-x), -jax.nn.softplus(x)
            found = [jnp.log(d.V_m) - jnp.log(d.i_c0) - ln_f - ln_g]
            found.append(jnp.log(jnp.abs(d.steady_current(u))))
            return jnp.stack(found + ([ln_f + jnp.log(d.tau_k)] if hasattr(d, "tau_k") else []))

        there = [
            jax.vmap(lambda x, kind=kind: at(bias_voltage(d, kind, x)))(values[kind]).ravel()
            for kind in sorted(values)
        ]
        return jnp.concatenate([jnp.stack(rows), *there])

    return jax.jacfwd(logs)(z)


class Identifiability(NamedTuple):
    """What a set of terms determines of a space at a model.

    - `rank`: directions that the residuals feel at all, out of `len(names)`.
    - `singular_values`: noise standard deviations per decade along each direction, descending.
    - `null_directions`: combinations that can change freely, in words.
    - `weak_directions`: those along which a decade stays below the noise, the null ones too.
    - `standard_errors`: expected, in search coordinates (e-folds of a logarithm).
    - `identifiable`: whether the 68 % interval stays within a factor of two each way.

    Of a fit also:

    - `exchanges`: pairs whose exchange leaves every residual as it is.
    - `swaps`: by how much chi2 rises, in squared standard deviations, where tau_d and f tau_k are
      exchanged and the rest is fitted again; only those below 4.
    - `determined`: combinations that stay the same along what the data do not feel, in words;
      `saturation`: a sentence on the commonest one.
    """

    names: tuple[str, ...]
    rank: int
    singular_values: np.ndarray
    null_directions: tuple[str, ...]
    weak_directions: tuple[str, ...]
    standard_errors: np.ndarray
    identifiable: np.ndarray
    exchanges: tuple[tuple[str, str], ...] = ()
    swaps: tuple[float, ...] = ()
    determined: tuple[str, ...] = ()
    saturation: str = ""

    def __str__(self) -> str:
        lines = [f"rank {self.rank} of {len(self.names)}"]
        lines += [f"free: {text}" for text in self.null_directions]
        lines += [
            f"below the noise: {text}"
            for text in self.weak_directions
            if text not in self.null_directions
        ]
        return "; ".join(lines)


def identifiability(
    terms: Any | Sequence[Any], model: Any, space: Space, *, noise: float = 0.01
) -> Identifiability:
    """Rank and null directions of `terms` at `model`, from the Jacobian in decades.

    Symmetries that are no direction, such as the exchange of two lags, are not seen here; `fit`
    tests them.

    **Arguments:** `terms`, `model` and `space` are those of `fit`.

    - `noise`: the standard deviation assumed where a term has no sigma: relative to |Z|, to a
      current, to the rms of a trace.

    **Raises:** `ValueError` as `fit` does.
    """
    problem = Problem.of(terms, model, space)
    problem = problem.rescaled(first_guess(problem, noise))
    c = problem.coordinates
    z = c.pack(model)
    decade = np.where(c.log, DECADE, problem.natural_lengths(z))
    u = uncertainty(problem.jacobian(z), 1.0, decade)
    error = np.sqrt(np.diag(u.covariance))
    return Identifiability(
        c.names,
        u.rank,
        u.singular_values,
        tuple(in_words(v, c.names) for v in u.null_directions),
        tuple(in_words(v, c.names) for v in u.weak_directions),
        error,
        error <= np.where(c.log, WIDEST, 9 * decade),
    )
