"""Searches by any optimiser of optax; also by name, as the command line takes them."""

import ast
import difflib
import inspect
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import optax

from fitting.solvers.levenberg_marquardt import Quadratic, mean_unit, solve_damped
from fitting.solvers.residual_parts import Residual, Vector, sum_of_squares
from fitting.solvers.solver import RESULTS, AbstractSolver, Search

# How optax's schedules call what a fit knows: the first rate, and how long it runs.
_RATE, _LENGTH = ("init_value", "value", "peak_value"), ("decay_steps", "transition_steps")


class Descent(AbstractSolver):
    """Any optax optimiser and schedule on the same sum of squares.

        Descent(optax.adam(optax.cosine_decay_schedule(0.1, 3000)), steps=3000)

    **Arguments:**

    - `optimiser`: default L-BFGS with its line search, which copes with the valleys that data of
      one kind leave. For an objective that is noisy give a first-order one, and more steps.
    - `steps`: how many.
    - `tolerance`: a search counts as converged if a Gauss-Newton step from where it ended would
      reduce the sum of squares by less than this fraction.
    - `clip`: longest step of each coordinate, in natural lengths: a line search alone leaps to
      where nothing depends on a parameter any more, and stays there.
    """

    optimiser: optax.GradientTransformation | None = eqx.field(static=True, default=None)
    steps: int = eqx.field(static=True, default=300)
    tolerance: float = eqx.field(static=True, default=1e-2)
    clip: float = eqx.field(static=True, default=0.25)

    def __check_init__(self):
        if self.steps < 1:
            raise ValueError(f"Descent: steps must be at least 1, got {self.steps}")

    def search(
        self, residual: Residual, z: Vector, low: Vector, high: Vector, x_scale: Vector
    ) -> Search:
        """See `AbstractSolver.search`."""
        optimiser = self.optimiser
        if optimiser is None:
            # A first-order method is slow along the valleys of an ill-conditioned sum of squares.
            optimiser = optax.lbfgs()
        # Some want more than the slope: line searches, Polyak's step.
        optimiser = optax.with_extra_args_support(optimiser)
        first = jnp.sum(residual(z) ** 2)

        # In coordinates of natural length, and relative to the start, so that one schedule
        # serves every unit; the best point seen is the answer, as no optimiser is monotone.
        def loss(y):
            return jnp.sum(residual(y * x_scale) ** 2) / first

        def step(carry, _):
            y, state, best, least, longest, failed = carry
            value, slope = jax.value_and_grad(loss)(y)
            there = jnp.isfinite(value) & jnp.all(jnp.isfinite(slope))
            better = there & (value < least)
            best, least = jnp.where(better, y, best), jnp.where(better, value, least)
            update, next_state = optimiser.update(
                jnp.where(there, slope, 0.0), state, y, value=value, grad=slope, value_fn=loss
            )
            moved = y + jnp.clip(jnp.asarray(update), -longest, longest)
            # Where there is no value the last step was too long: from the best point again, with
            # shorter ones and no memory of what led there; a schedule goes on.
            y = jnp.where(there, moved, best)
            y = jnp.clip(y, low / x_scale, high / x_scale)
            keep = lambda a, b: jnp.where(there | ~jnp.issubdtype(a.dtype, jnp.inexact), a, b)
            state = jax.tree.map(keep, next_state, optimiser.init(best))
            longest = jnp.where(there, jnp.minimum(1.1 * longest, self.clip), longest / 2)
            return (y, state, best, least, longest, failed + ~there), None

        y = z / x_scale
        reach = jnp.asarray(self.clip, z.dtype)
        carry = (y, optimiser.init(y), y, jnp.ones_like(first), reach, jnp.int32(0))
        _, _, y, _, _, failed = jax.lax.scan(step, carry, length=self.steps)[0]
        z = y * x_scale
        cost, g, A = sum_of_squares(residual, z)
        model = Quadratic.at(z, g, A, low, high)
        newton = model.step(1e-6, mean_unit(model, x_scale), solve_damped)
        near = model.reduction(newton) <= self.tolerance * cost
        result = RESULTS.where(near, RESULTS.successful, RESULTS.steps_exhausted)
        finite = jnp.isfinite(first) & jnp.isfinite(cost)
        result = RESULTS.where(finite, result, RESULTS.start_not_finite)
        return Search(z, cost, result, jnp.asarray(self.steps, jnp.int32), failed)


def descent(
    optimiser: str = "adam",
    schedule: str = "cosine_decay_schedule",
    rate: float = 0.3,
    steps: int = 3000,
) -> Descent:
    """A `Descent` with an optimiser and a schedule of optax, both by name.

        descent("adabelief(b1=0.95)", "exponential_decay(decay_rate=0.01)", 0.1, 4000)

    **Arguments:**

    - `optimiser`: a function of optax, with further arguments in brackets.
    - `schedule`: likewise; its first value is `rate` and its length `steps`. `"constant"` keeps
      the rate; an optimiser that takes no learning rate goes without.
    - `rate`: natural lengths a step, e-folds for a parameter searched in its logarithm.

    **Raises:** `ValueError` if optax has no such function or it refuses its arguments.
    """
    if steps < 1 or not rate > 0:
        raise ValueError(f"descent: needs a positive rate and steps, got {rate:g} and {steps}")
    make, extra = _function(optimiser, "optimiser")
    if "learning_rate" in inspect.signature(make).parameters:
        extra = {"learning_rate": _schedule(schedule, rate, steps)} | extra
    made = _made(make, extra, f"optimiser {optimiser}", optax.GradientTransformation)
    return Descent(made, steps=steps)


def _schedule(text: str, rate: float, steps: int) -> Any:
    if text == "constant":
        return rate
    make, extra = _function(text, "schedule")
    wanted = inspect.signature(make).parameters
    known = {name: rate for name in _RATE} | {name: steps for name in _LENGTH}
    # A warm-up starts from nothing, and takes a twentieth.
    if "warmup_steps" in wanted:
        known |= {"init_value": 0.0, "warmup_steps": max(steps // 20, 1)}
    given = {name: value for name, value in known.items() if name in wanted}
    return _made(make, given | extra, f"schedule {text}", None)


def _function(text: str, what: str) -> tuple[Any, dict[str, Any]]:
    try:
        node = ast.parse(text.strip(), mode="eval").body
        match node:
            case ast.Name(id=name):
                extra = {}
            case ast.Call(func=ast.Name(id=name), args=[], keywords=keywords):
                extra = {str(k.arg): ast.literal_eval(k.value) for k in keywords}
            case _:
                raise ValueError
    except (SyntaxError, ValueError):
        raise ValueError(
            f"{what} {text!r}: write a name of optax, perhaps with arguments, name(b1=0.95)"
        ) from None
    found = getattr(optax, name, None)
    if not inspect.isfunction(found):
        near = difflib.get_close_matches(name, dir(optax), 1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise ValueError(f"{what} {name!r}: optax has no such function{hint}")
    return found, extra


def _made(make: Any, arguments: dict[str, Any], text: str, kind: type | None) -> Any:
    try:
        made = make(**arguments)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{text}: optax says: {error}") from None
    if kind is None and not callable(made):
        raise ValueError(f"{text}: this is none of optax")
    # A GradientTransformation is a pair of functions.
    if kind is not None and not (hasattr(made, "init") and hasattr(made, "update")):
        raise ValueError(f"{text}: this is none of optax")
    return made
