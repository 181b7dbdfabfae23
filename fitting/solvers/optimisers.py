"""Optimisers of optax by name, as the command line takes them."""

import ast
import difflib
import inspect
from typing import Any

import optax

from fitting.solvers.levenberg_marquardt import Descent

# How optax's schedules call what a fit knows: the first rate, and how long it runs.
_RATE, _LENGTH = ("init_value", "value", "peak_value"), ("decay_steps", "transition_steps")


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
