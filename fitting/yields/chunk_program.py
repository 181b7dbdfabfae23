"""The compiled program of a yield: window, cycle and goals of one device after the other."""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

import jaxmem as jm
from fitting.designs.goals.behaviour import in_window, without_window
from fitting.yields.question import Asked, made_at
from jaxmem.circuits.drive import LETTER
from jaxmem.programs import program
from jaxmem.stability.cycles.neighbouring import KnownCycle, neighbouring_cycle

# Voltages at which the least margin is looked for.
VOLTAGES = 96


@program
def one_chunk(
    rows: Float[Array, "n k"], count: Any, asked: Asked, known: KnownCycle | None, slopes: bool
) -> tuple[Any, Any, Any]:  # fmt: skip
    """For each of `count` rows the goals' quantities and the margin, their slopes by the row, and
    facts: window, drive, whether a stable cycle was found, whether it is known that there is none,
    and whether its values are allowed. Without a known cycle none is looked for."""
    drive, how = asked.drive, asked.how

    def without_cycles(one, where):
        found = without_window(one, drive, (how, where))
        nan = jnp.asarray(jnp.nan)
        return found, nan, (nan, nan, found.level, nan, nan, one.allowed())

    def with_cycle(one, where):
        assert known is not None
        points = jm.hopf_points(one, drive=drive)
        found = in_window(one, drive, (how, where), points)
        cycle = neighbouring_cycle(known, one, found.level, drive)
        found = found._replace(cycle=cycle)
        calm = jnp.asarray(False)
        if how != "window":
            rest = jm.operating_point(one, **{LETTER[drive]: found.level}).u
            calm = jm.unstable_count(one, rest, drive) == 0
        given = how == LETTER[drive]
        least = lambda: jm.least_margin(one, drive, VOLTAGES).margin
        margin = jm.hopf_margin(one, rest, drive) if given else least()
        edge = 1 - 1e-12
        margin = 2 * jnp.arctanh(jnp.clip(margin, -edge, edge))
        # A branch that leaves the window softly at both ends has no cycle outside of it.
        soft = (points.found == 2) & (points.l1[0] < 0) & (points.l1[1] < 0)
        # Without a window there is no drive in its middle, and without a drive no cycle.
        rests = calm & ((points.found == 0) | soft)
        rests = rests if given else rests | (points.found < 2)
        allowed = points.found >= 0
        facts = (found.low, found.high, found.level, cycle.stable, rests & allowed, allowed)
        return found, margin, facts

    def numbers_at(row):
        one, where = made_at(asked.device, asked.moved, row, asked.place)
        look = without_cycles if known is None else with_cycle
        found, margin, facts = look(one, where)
        values = [
            kind.value(found, said) for kind, said in zip(asked.kinds, asked.meant, strict=True)
        ]
        values = jnp.stack([jnp.asarray(value, float) for value in (*values, margin)])
        return values, (values, jnp.stack([jnp.asarray(fact, float) for fact in facts]))

    def one(given):
        number, row = given

        def look(row):
            if slopes:
                by, (values, facts) = jax.jacfwd(numbers_at, has_aux=True)(row)
            else:
                _, (values, facts) = numbers_at(row)
                by = jnp.zeros((0,))
            return values, by, facts

        blank = jax.tree.map(lambda a: jnp.zeros(a.shape, a.dtype), jax.eval_shape(look, row))
        return jax.lax.cond(number < count, look, lambda _: blank, row)

    return jax.lax.map(one, (jnp.arange(rows.shape[0]), rows))
