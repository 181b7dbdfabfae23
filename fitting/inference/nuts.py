"""NUTS (numpyro) on a whitened density: chains that go on until they agree."""

from collections.abc import Callable
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from fitting.inference.log_posterior import Density

# What counts as converged.
R_HAT = 1.01
# The chains start about so many standard deviations from the optimum in each direction.
JITTER = 0.5
# Trajectories of at most 2^DEPTH steps.
DEPTH = 8


class Run(NamedTuple):
    """Draws of all chains: search vectors `(chains, draws, p)`, and how each came about.

    - `thin`: of how many draws each is the last; `divergent`: whether one of these was, `steps`:
      how many gradients they took, `(chains, draws)`. `complete`: False if interrupted.
    """

    z: np.ndarray
    divergent: np.ndarray
    steps: np.ndarray
    thin: int
    complete: bool


def sample(
    density: Density,
    *,
    draws: int,
    warmup: int,
    chains: int,
    seed: tuple[int, int],
    accept: float,
    longest: int,
    chunk: int,
    say: Callable[[str], None],
) -> Run:
    """Warm up, draw, and go on for twice as long while the chains disagree.

    At most `longest` times as long, and not once a draw has diverged. `chunk`: draws between two
    calls of `say`, and two chances for Ctrl-C.
    """
    keys = jax.random.split(jax.random.fold_in(jax.random.key(seed[0]), seed[1]), chains)
    begin = JITTER * np.random.default_rng(seed).normal(size=(chains, density.origin.size))
    # Traced, so that another acceptance is the same program.
    rate = jnp.asarray(accept)
    state = _begin(density, jnp.asarray(begin), keys, warmup, rate)
    rows, done, total, thin = [], 0, warmup + draws, 1
    join = lambda k: np.concatenate([row[k] for row in rows], axis=1)[:, warmup:]
    try:
        while done < total:
            count = min(chunk, total - done)
            state, found = _advance(density, state, chunk, jnp.asarray(count), warmup, rate)
            rows.append([np.asarray(a)[:, :count] for a in found])
            done += count
            say(f"posterior: {done} of {total} draws of {chains} chains")
            if done == total and thin < longest and not join(1).any():
                if not (diagnostics(join(0))[0] < R_HAT).all():
                    total, thin = total + thin * draws, 2 * thin
    except KeyboardInterrupt:
        pass
    # Of draws that were not enough for the last doubling, those until then.
    z, divergent, steps = (join(k) for k in range(3)) if rows else (np.zeros((1, 0)),) * 3
    kept = z.shape[1] // thin
    if kept < 4:
        raise KeyboardInterrupt("posterior: interrupted before there were draws")
    cut = lambda a: a[:, : kept * thin].reshape(chains, kept, thin, *a.shape[2:])
    return Run(cut(z)[:, :, -1], cut(divergent).any(axis=2), cut(steps).sum(axis=2), thin,
                done == total)  # fmt: skip


def numpyro_here():
    """numpyro, with the modules that are used here."""
    try:
        import numpyro.diagnostics
        import numpyro.infer.hmc
        import numpyro.infer.util
    except ImportError as error:
        raise ImportError('a posterior needs numpyro: pip install "jaxmem[bayes]"') from error
    return numpyro


def _kernels(density, info, warmup, accept, key=None):
    """State and step of NUTS, with what they are set to."""
    start, step = numpyro_here().infer.hmc.hmc(potential_fn_gen=lambda d: d.potential, algo="NUTS")
    state = start(
        info, warmup, step_size=0.5, target_accept_prob=accept, max_tree_depth=DEPTH,
        model_args=(density,), rng_key=key,
    )  # fmt: skip
    return state, lambda state: step(state, (density,))


@eqx.filter_jit
def _begin(density, begin, keys, warmup, accept):
    def one(row):
        x, key = row
        value, slope = jax.value_and_grad(density.potential)(x)
        return _kernels(density, _info(x, value, slope), warmup, accept, key)[0]

    return jax.lax.map(one, (begin, keys))


@eqx.filter_jit
def _advance(density, states, chunk, count, warmup, accept):
    def one(state):
        info = _info(state.z, state.potential_energy, state.z_grad)
        _, step = _kernels(density, info, warmup, accept)

        def draw(k, carry):
            state, (z, divergent, steps) = carry
            state = step(state)
            z = z.at[k].set(density.search_vector(state.z))
            divergent = divergent.at[k].set(state.diverging)
            return state, (z, divergent, steps.at[k].set(state.num_steps))

        empty = (
            jnp.zeros((chunk, *state.z.shape)), jnp.zeros(chunk, bool), jnp.zeros(chunk, int)
        )  # fmt: skip
        return jax.lax.fori_loop(0, count, draw, (state, empty))

    # One chain after the other: side by side, each draw waits for the longest trajectory.
    return jax.lax.map(one, states)


def _info(x, value, slope):
    return numpyro_here().infer.util.ParamInfo(x, value, slope)


def diagnostics(z):
    """R-hat and effective number of draws of each coordinate."""
    of = numpyro_here().diagnostics
    return np.atleast_1d(of.split_gelman_rubin(z)), np.atleast_1d(of.effective_sample_size(z))
