"""Hopf points of the paper's 3D device by its own formula: a ring of three lags.

A loop of gain g round three lags of times T1, T2, T3 is unstable if and only if

    g > q - 1,   q = (T1 + T2 + T3)(1/T1 + 1/T2 + 1/T3)

which is eqs 21, 22 and the corrected 20 at c1 c2 = c0. With x = (u - V_T)/V_m, f = 1/(1 + exp(-x)),
T = (R C_m, tau_d, f tau_k) and g = R i_c0 f (1 - f)/V_m, the ratio (1 + g)/q has one maximum over
x: the equation in f has two roots between 0 and 1 or none. A few dozen numbers a device, where
`hopf_points`, which knows no formula, takes hundreds of microseconds.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax.nn import sigmoid
from jaxtyping import Array, Bool, Float

from jaxmem.circuits import DriveKind
from jaxmem.devices import Memristor3D
from jaxmem.devices.branch import Scalar
from jaxmem.stability.equilibria.map import LeastMargin, ring_resistance

# Samples of x between -REACH and REACH: the maximum lies there for every g that matters, and so
# near to a sample that Newton's method reaches it.
REACH, SAMPLES, STEPS = 24.0, 49, 6
HALVINGS = 6


class RingWindow(NamedTuple):
    """Where the ring oscillates: between the lower and the upper Hopf point, each array (2,).

    - `least`: the smallest margin over the voltages, exact, and where; `found`: 0 or 2 points.
    - `u`, `I`, `V` [V, A, V], `omega` [rad/s], `l1` [1/V^2] of the points, NaN if there are none.
    """

    least: LeastMargin
    found: Bool[Array, ""]
    u: Float[Array, "2"]
    I: Float[Array, "2"]
    V: Float[Array, "2"]
    omega: Float[Array, "2"]
    l1: Float[Array, "2"]


def ring_least(device: Memristor3D, drive: DriveKind = "current") -> LeastMargin:
    """`least_margin` with its minimum located to the last digit, not to a sample."""
    near, x = _peak(device, drive)
    return LeastMargin(-jnp.tanh(near / 2), device.V_T + device.V_m * x)


def ring_window(device: Memristor3D, drive: DriveKind = "current") -> RingWindow:
    """Both Hopf points of a `Memristor3D` without further branches. Works under `jit` and `vmap`.

    **Arguments:**

    - `device`: a `Memristor3D` that has no `extra`.
    - `drive`: `"current"`, or `"voltage"` through R_s > 0.
    """
    top, peak = _peak(device, drive)
    found = top > 0
    # Each root lies between the peak and the end on its side; the samples bring both ends nearer.
    x = jnp.linspace(-REACH, REACH, SAMPLES)
    above = jax.vmap(lambda x: log_ratio_of(device, drive, x))(x) > 0
    below = jnp.max(jnp.where(~above & (x < peak), x, -REACH))
    beyond = jnp.min(jnp.where(~above & (x > peak), x, REACH))
    outer = jnp.stack([below, beyond])
    step = REACH * 2 / (SAMPLES - 1)
    inner = jnp.where(jnp.abs(outer - peak) < step, peak, outer + step * jnp.array([1.0, -1.0]))
    at = jax.vmap(lambda low, high: _root(device, drive, low, high))(outer, inner)

    def describe(x):
        u, f = device.V_T + device.V_m * x, sigmoid(x)
        R = ring_resistance(device, drive)
        T1, T2, T3 = R * device.C_m, device.tau_d, f * device.tau_k
        omega = jnp.sqrt((T1 + T2 + T3) / (T1 * T2 * T3))  # omega^2 = c1
        I = u / device.R_b + device.i_c0 * f
        return u, I, device.R_s * I + u, omega, _criticality(device, (T1, T2, T3), f, omega)

    hide = lambda v: jnp.where(found, v, jnp.nan)
    u, I, V, omega, l1 = map(hide, jax.vmap(describe)(at))
    least = LeastMargin(-jnp.tanh(top / 2), device.V_T + device.V_m * peak)
    return RingWindow(least, found, u, I, V, omega, l1)


def _criticality(device, T, f, omega) -> Scalar:
    """Re c1/omega with q_u = 1 [1/V^2], as `normal_form` has it, in closed form.

    In the states (u/V_m, i_c/i_c0, f) only the rate of f is not linear,
    tau_k f' = 1 - f - exp(-x) f, so that B and C point along f, and each solve with s - A is that
    of a ring: (s + 1/T1) r1 = -a r2, (1 + s T2) r2 = r3, (s + 1/T3) r3 = b r1 + 1.
    """
    T1, T2, T3 = T
    a, b = device.i_c0 / (device.C_m * device.V_m), (1 - f) / device.tau_k
    e = (1 - f) / f / device.tau_k  # exp(-x)/tau_k
    s = 1j * omega

    def answer(s):
        r2_by_r1 = -(s + 1 / T1) / a
        r3_by_r1 = (1 + s * T2) * r2_by_r1
        r1 = 1 / ((s + 1 / T3) * r3_by_r1 - b)
        return r1, r3_by_r1 * r1

    def B(v, w):
        return -f * e * v[0] * w[0] + e * (v[0] * w[1] + v[1] * w[0])

    q2 = -(s + 1 / T1) / a
    q = 1.0, (1 + s * T2) * q2
    bar = 1.0, jnp.conj(q[1])
    # The left vector (1, p2, p3), along which B and C act by its last part.
    p3 = (s + 1 / T1) / b
    p2 = T2 * p3 * (s + 1 / T3)
    last = p3 / (1 + p2 * q2 + p3 * q[1])
    C = f * e - e * (bar[1] + 2 * q[1])
    mean, double = B(q, bar), B(q, q)
    c1 = last * (C + 2 * mean * B(q, answer(0.0)) + double * B(bar, answer(2 * s))) / 2
    return c1.real / omega / device.V_m**2


def log_ratio_of(device: Memristor3D, drive: DriveKind, x: Scalar) -> Scalar:
    """ln((1 + g)/q), positive where it is unstable; (q - 1 - g)/(q + 1 + g) is -tanh of half."""
    R = ring_resistance(device, drive)
    T1, T2, f = R * device.C_m, device.tau_d, sigmoid(x)
    T3 = f * device.tau_k
    g = R * device.i_c0 / device.V_m * f * sigmoid(-x)
    return jnp.log((1 + g) * T3 / ((T1 + T2 + T3) * (1 + (1 / T1 + 1 / T2) * T3)))


def _peak(device, drive):
    """The largest `log_ratio_of` over x, and where."""
    fn = lambda x: log_ratio_of(device, drive, x)
    slope = jax.grad(fn)
    x = jnp.linspace(-REACH, REACH, SAMPLES)
    k = jnp.clip(jnp.argmax(jax.vmap(fn)(x)), 1, SAMPLES - 2)
    # The slope falls through zero between the neighbours.
    at = _bracketed(slope, x[k - 1], x[k + 1])
    return fn(at), at


def _root(device, drive, low, high):
    """Where the ratio passes 1, between a place outside of the window and one inside."""
    outside = lambda x: -log_ratio_of(device, drive, x)
    return _bracketed(outside, low, high)


def _bracketed(fn, low, high):
    """A zero between `low`, where `fn` is positive, and `high`: halvings, then Newton's method."""

    def halve(_, ends):
        low, high = ends
        middle = (low + high) / 2
        up = fn(middle) > 0
        return jnp.where(up, middle, low), jnp.where(up, high, middle)

    low, high = jax.lax.fori_loop(0, HALVINGS, halve, (low, high))
    least, most = jnp.minimum(low, high), jnp.maximum(low, high)

    def newton(_, x):
        value, slope = jax.value_and_grad(fn)(x)
        return jnp.clip(x - value / slope, least, most)

    return jax.lax.fori_loop(0, STEPS, newton, (low + high) / 2)
