"""The integration of a circuit between the edges of its drive, and its derivatives."""

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from jaxmem.circuits.drive import choose
from jaxmem.programs import program
from jaxmem.responses.rosenbrock import Rodas5P
from jaxmem.responses.start import at_rest
from jaxmem.results import RESULTS

SPLIT = (diffrax.KenCarp3, diffrax.KenCarp4, diffrax.KenCarp5, diffrax.Sil3)

# Of the time integrated, a step below this share is given up. A voltage that jumps to V_T = 100 V_m
# moves an occupation of exp(-100), whose first steps are as short as exp(-100) tau.
LEAST_STEP = 1e-200

# For more perturbed numbers than this, only the derivative in the direction asked for is made.
MOST_COLUMNS = 64


class Ending(eqx.Module):
    """Where a segment ended that failed: the time `t` [s] and the voltage `u` [V] that it reached.

    `end` is the time that it should have reached [s].
    """

    t: Float[Array, ""]
    u: Float[Array, ""]
    end: Float[Array, ""]


@program
def integrate(primal, settings, adjoint):
    """Scan over the segments between edges; each is one `diffeqsolve`.

    **Returns:** u, I, V, x at the samples; how many steps; how it ended; and, as an `Ending`,
    where and in which state the first segment that failed came to its end.
    """
    circuit, t, begin, rtol, atol = primal
    solver, max_steps, window = settings
    wave = circuit.drive.wave
    bounds = _bounds(t, wave.edges())
    amplitude = _amplitude(wave, bounds, t)
    scale = circuit.scale(amplitude)
    y, V_old = _initial(circuit, begin, scale)
    mass = circuit.mass()
    if solver is None:
        # The middle of a step is checked in rows with a mass other than 1: voltage drives have one.
        solver = Rodas5P(middle_check=0.0 if circuit.is_voltage is False else 1.0)
    implicit = isinstance(solver, Rodas5P)
    if implicit:
        solver = eqx.tree_at(lambda s: s.mass, solver, mass, is_leaf=lambda m: m is None)
    relative, absolute = circuit.weights(amplitude)
    controller = diffrax.PIDController(
        # With a tolerance near rounding no step would be accepted.
        rtol=jnp.maximum(rtol * relative, 100 * jnp.finfo(t.dtype).eps),
        atol=atol * absolute,
        # A step to where the device cannot be evaluated is too long, by how much nobody knows.
        norm=lambda e: jnp.max(jnp.where(jnp.isnan(e), jnp.inf, jnp.abs(e))),
        error_order=5 if implicit else None,
        dtmin=LEAST_STEP * (bounds[-1] - bounds[0]),
        force_dtmin=False,
    )

    # A segment looks at the samples from its start on, and a sample is seen by the last segment
    # that starts at it or earlier: at a jump that is the value after it.
    starts = bounds[:-1]
    firsts = jnp.searchsorted(t, starts, side="left")
    padded = jnp.concatenate([t, jnp.full((window,), t[-1])])

    def segment(carry, ends):
        y, V_old, bad = carry
        a, b, first = ends
        at = _inside(a, b, t)
        times = jax.lax.dynamic_slice(padded, (first,), (window,))
        # A sample that lies on an edge stays where it is when the edge moves, which `clip` would
        # say by half only.
        times = jnp.where(times < a, a, jnp.where(times > b, b, times))
        here = eqx.tree_at(lambda c: c.drive.wave, circuit, wave.piece(at))
        y = here.edge(y, V_old, a, at, scale)

        # Time is counted from the segment's start: after a jump the steps of a stiff device may
        # be shorter than the spacing of the numbers near a.
        def field(since, y, at):
            F = _field(here, a + since, y, at, scale)
            return F if implicit else F / mass

        rates = field(jnp.zeros_like(a), y, at)
        ready = jnp.all(jnp.isfinite(rates)) & jnp.all(jnp.isfinite(y))
        length = b - a

        def run(y):
            term = diffrax.ODETerm(field)
            if isinstance(solver, SPLIT):
                # Implicit-explicit methods: all of it is their implicit part. (In diffrax 0.7
                # they then stall, and say so by a code, on problems as mild as y' = -y.)
                term = diffrax.MultiTerm(diffrax.ODETerm(lambda s, y, at: jnp.zeros_like(y)), term)
            solution = diffrax.diffeqsolve(
                term,
                solver,
                jnp.zeros_like(a),
                length,
                jnp.minimum(
                    _first_step(rates, length, mass if implicit else jnp.ones_like(mass)),
                    _bend_time(here.drive.wave, a, at, amplitude),
                ),
                y,
                args=at,
                saveat=diffrax.SaveAt(
                    subs=(diffrax.SubSaveAt(ts=times - a), diffrax.SubSaveAt(t1=True))
                ),
                stepsize_controller=controller,
                adjoint=adjoint,
                max_steps=max_steps,
                throw=False,
            )
            samples, end = solution.ys  # pyright: ignore[reportGeneralTypeIssues]
            reached = solution.ts[1][0]  # pyright: ignore[reportOptionalSubscript]
            steps = solution.stats["num_accepted_steps"]
            return samples, end[0], a + reached, steps, RESULTS.promote(solution.result)

        def skip(y):
            none = jnp.broadcast_to(y, (window, y.shape[0]))
            result = RESULTS.where(ready | bad, RESULTS.successful, RESULTS.rates_not_finite)
            return none, y, a, 0, result

        go = (b > a) & ~bad & ready
        samples, y_end, reached, steps, result = jax.lax.cond(go, run, skip, y)
        seen = jax.vmap(lambda s, v: here.observe(s, v, at, scale))(times, samples)
        failed = bad | (result != RESULTS.successful)
        u_end = here.observe(reached, y_end, at, scale)[0]
        ending = Ending(reached, u_end, b)
        return (y_end, wave.value(b, at), failed), (seen, steps, result, failed, ending)

    # A device whose values are not allowed is not integrated, and neither is a call that is none.
    allowed = circuit.device.allowed()
    called = is_call(t, rtol, atol)
    fine = allowed & called
    carry = (y, V_old, ~fine)
    _, out = jax.lax.scan(segment, carry, (starts, bounds[1:], firsts))
    seen, steps, results, failed, endings = out
    k = jnp.searchsorted(starts, t, side="right") - 1
    place = jnp.arange(t.shape[0]) - firsts[k]
    lost = failed[k] | ~fine

    def pick(array):
        value = array[k, place]
        return jnp.where(lost.reshape((-1,) + (1,) * (value.ndim - 1)), jnp.nan, value)

    out = jax.tree.map(pick, seen)
    first_failed = lambda r: r[jnp.argmax(failed)]
    result, ending = jax.tree.map(first_failed, (results, endings))
    result = RESULTS.where(called, result, RESULTS.call_not_allowed)
    result = RESULTS.where(allowed, result, RESULTS.value_not_allowed)
    return out, jnp.sum(steps), result, ending


def is_call(t, rtol, atol):
    """Whether times and tolerances are those of an integration."""
    both = jnp.stack([rtol, atol])
    called = jnp.all(jnp.isfinite(both) & (both > 0)) & jnp.all(jnp.isfinite(t))
    # The last sample and the end of a period may stand the other way round by rounding.
    return called & jnp.all(jnp.diff(t) >= -_rounding(t))


@eqx.filter_jit
def _field(circuit, t, y, at, scale):
    # A program within the program: traced and differentiated once, and called at every stage.
    return circuit.field(t, y, at, scale)


def _bounds(t, edges):
    """Ends of the segments: the drive's edges between the first and the last sample.

    What differs by rounding only is one: two edges, between which no step fits, and an edge and a
    sample (the corners of a triangle and `linspace`), which else stand now one way round and now
    the other.
    """
    near = _rounding(t)
    edges = jnp.clip(edges.astype(t.dtype), t[0], t[-1])
    k = jnp.clip(jnp.searchsorted(t, edges), 1, max(t.shape[0] - 1, 1))
    low, high = t[k - 1], t[jnp.minimum(k, t.shape[0] - 1)]
    off = jnp.where(edges - low < high - edges, low - edges, high - edges)
    # The edge moves with the drive's parameters as before.
    edges = edges + jax.lax.stop_gradient(jnp.where(jnp.abs(off) < near, off, 0))
    # But for the ends: nothing is integrated beyond, which would take that back.
    edges = jnp.where(edges >= t[-1], t[-1], jnp.where(edges <= t[0], t[0], edges))
    before = jnp.concatenate([t[:1], edges[:-1]])
    edges = jnp.where(edges - before < near, before, edges)
    return jnp.concatenate([t[:1], edges, t[-1:]])


def _rounding(t):
    """Times that differ by less are the same [s]."""
    return 16 * jnp.finfo(t.dtype).eps * jnp.max(jnp.abs(t))


def _inside(a, b, t):
    """A time that says which piece of the drive a segment belongs to: its middle, and behind the
    edge where it has no length."""
    return a + jnp.where(b > a, (b - a) / 2, _rounding(t))


def _amplitude(wave, bounds, t):
    """The largest value of the drive: at rest, and at both ends and inside of each piece."""
    middles = bounds[None, :-1] + jnp.diff(bounds)[None, :] * jnp.linspace(0, 1, 9)[:, None]
    at = _inside(bounds[:-1], bounds[1:], t)
    values = jax.vmap(jax.vmap(wave.value), in_axes=(0, None))(middles, at)
    top = jnp.maximum(jnp.max(jnp.abs(values)), jnp.abs(wave.before()))
    return jax.lax.stop_gradient(top)


def _initial(circuit, begin, scale):
    """y and the drive's value before t[0]."""
    device, before = circuit.device, circuit.drive.wave.before()
    u, z, I = at_rest(circuit) if begin is None else begin
    # Under voltage drive `edge` makes from here the current that the first piece asks for.
    first = choose(circuit.is_voltage, lambda: I, lambda: u)
    old = choose(circuit.is_voltage, lambda: device.R_s * I + u, lambda: before)
    return jnp.concatenate([(first / scale)[None], z]), old


def _first_step(rates, length, mass):
    """A first step in which no state moves by more than a hundredth of its unit."""
    rate = jnp.max(jnp.where(mass > 0, jnp.abs(rates) / jnp.where(mass > 0, mass, 1), 0))
    step = 0.01 / jnp.maximum(rate, 0.01 / jnp.where(length > 0, length, 1.0))
    return jax.lax.stop_gradient(jnp.clip(step, 1e-12 * length, length))


def _bend_time(wave, start, at, amplitude):
    """A first step in which the drive moves by a hundredth off its tangent.

    At rest, and where a sine begins, all rates are zero: they do not say how long a step may be.
    """
    slope = jax.grad(lambda t: wave.value(t, at))
    second, third = jax.grad(slope), jax.grad(jax.grad(slope))
    over = lambda part, d: part * amplitude / jnp.maximum(jnp.abs(d), jnp.finfo(start.dtype).tiny)
    time = jnp.minimum(jnp.sqrt(over(0.02, second(start))), jnp.cbrt(over(0.06, third(start))))
    return jax.lax.stop_gradient(jnp.where(time > 0, time, jnp.inf))
