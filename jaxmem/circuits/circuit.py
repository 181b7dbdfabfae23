"""A device closed by a drive: the differential equation that the integrator sees."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from jaxmem.circuits.drive import AbstractDrive, choose
from jaxmem.devices.branch import Scalar, States
from jaxmem.devices.device import AbstractDevice
from jaxmem.printed import Printed

# The absolute tolerance of a state that moves little is this share of what it reaches: a slow
# current is looked at by itself, and is far below what it reaches for much of the time.
SHARE = 1e-4


def _tiny(x):
    return jnp.finfo(x.dtype).tiny


def _spread(device):
    """Of equilibria that are a curve: the largest |u| [V] and |I| [A], and the spans of z."""
    low, high = device.branches[device.curve].rest_range()

    def at(s):
        u, x = device.equilibrium(s)
        return jnp.abs(u), jnp.abs(device.current(u, x)), device.chart(x)

    u, I, z = jax.vmap(at)(low + (high - low) * jnp.linspace(0, 1, 65))
    span = jnp.maximum(jnp.max(z, axis=0) - jnp.min(z, axis=0), 1e-12)
    return jnp.max(u), jnp.max(I), span


class Circuit(Printed):
    """`Circuit(device, drive)`: an ODE with a diagonal mass matrix, M y' = F(t, y).

    Under current drive y = (u, z), with z the states of the branches in their charts:

        u' = (I(t) - i(u, z))/C_m

    Under voltage drive y = (I, z) with u = V - R_s I, because I in terms of V - u loses its
    digits at small R_s. It holds down to R_s = 0, where it is algebraic:

        R_s C_m I' = C_m V'(t) - I + i(u, z)

    y is in units of the device's own (`scale`), so that tolerances mean the same in any unit.
    """

    device: AbstractDevice
    drive: AbstractDrive

    def __check_init__(self):
        if not isinstance(self.device, AbstractDevice):
            raise ValueError(f"Circuit: wants a device first, got {type(self.device).__name__}")
        if not isinstance(self.drive, AbstractDrive):
            raise ValueError(
                f"Circuit: wants CurrentDrive(wave) or VoltageDrive(wave), "
                f"got {type(self.drive).__name__}"
            )

    @property
    def is_voltage(self) -> bool | Bool[Array, ""]:
        """Whether the voltage is imposed; an array where only the run decides."""
        return self.drive.is_voltage

    def in_time(self) -> "Circuit":
        """The circuit with constant-phase elements as ladders."""
        device = self.device.in_time()
        return self if device is self.device else Circuit(device, self.drive)

    def scale(self, amplitude: Scalar) -> Scalar:
        """The unit of the first state: V_m or what the drive reaches [V]; a current [A]."""
        device = self.device
        if device.curve is not None:
            volt, current, _ = _spread(device)
            return jax.lax.stop_gradient(choose(self.is_voltage, lambda: current, lambda: volt))
        zero = jnp.zeros_like(amplitude)
        slope = jnp.abs(jax.grad(device.steady_current)(zero)) + _tiny(zero)
        widths = [w for _, w in device.windows()]
        reach = choose(self.is_voltage, lambda: amplitude, lambda: amplitude / slope)
        reach = jnp.where(reach > 0, reach, 1.0)
        volt = jnp.min(jnp.stack(widths)) if widths else reach

        def ampere():
            own = [b.scale_current() for b in device.branches.values()]
            own = [c for c in own if c is not None]
            current = jnp.max(jnp.stack(own)) if own else slope * volt
            return jnp.where(current > 0, current, 1.0)

        return jax.lax.stop_gradient(choose(self.is_voltage, ampere, lambda: volt))

    def weights(self, amplitude: Scalar) -> tuple[Float[Array, "n"], Float[Array, "n"]]:
        """Factors of the relative and of the absolute tolerance, for each state of y.

        They follow from how far a state's equilibrium moves under the drive. One that moves by
        less than its unit is held to its own size: a slow conductance may carry microamperes, a
        device below threshold a billionth of i_c0. One that moves by more (the voltage in V_m, a
        logit) is held to its unit, however large it is: an error of a thousandth of V_m, small
        beside a peak of hundreds, shifts the occupation by a thousandth when u comes back.
        """
        device = self.device
        if device.curve is not None:
            _, _, moved = _spread(device)
            one = jnp.ones_like(amplitude)
            relative = 1 / jnp.append(one, jnp.maximum(moved, 1.0))
            absolute = jnp.append(one, jnp.where(moved > 1, 1.0, SHARE * moved))
            return jax.lax.stop_gradient((relative, absolute))
        zero = jnp.zeros_like(amplitude)
        slope = lambda: jnp.abs(jax.grad(device.steady_current)(zero)) + _tiny(zero)
        u = choose(self.is_voltage, lambda: amplitude, lambda: amplitude / slope())
        moved = jnp.abs(device.chart_rest(u) - device.chart_rest(zero))
        moved = jnp.where(jnp.isfinite(moved), jnp.maximum(moved, 1e-12), 1.0)
        small = jnp.where(moved > 1, 1.0, SHARE * moved)
        current = lambda: device.steady_current(u) - device.steady_current(zero)
        first = choose(self.is_voltage, current, lambda: u)
        first = jnp.maximum(jnp.abs(first) / self.scale(amplitude), 1e-12)
        # The current that charges C_m may exceed the steady one by any factor.
        ones = lambda: jnp.ones_like(first)
        large = choose(self.is_voltage, ones, lambda: jnp.maximum(first, 1.0))
        relative = 1 / jnp.append(large, jnp.maximum(moved, 1.0))
        absolute = jnp.append(jnp.minimum(first, 1.0), small)
        return jax.lax.stop_gradient((relative, absolute))

    def mass(self) -> Float[Array, "n"]:
        """The diagonal of M [s for the current's row, else 1]."""
        lag = self.device.R_s * self.device.C_m
        first = choose(self.is_voltage, lambda: lag, lambda: jnp.ones_like(lag))
        ones = jnp.ones((self.device.size,), first.dtype)
        return jnp.concatenate([first[None], ones])

    def field(self, t: Scalar, y: States, at: Scalar, scale: Scalar) -> States:
        """F(t, y), on the piece of the drive to which the time `at` belongs."""
        device = self.device
        z = y[1:]
        first = y[0] * scale
        imposed, slope = self._wave(t, at)
        u = choose(self.is_voltage, lambda: imposed - device.R_s * first, lambda: first)
        current = device.current(u, device.unchart(z))
        rate = choose(
            self.is_voltage,
            lambda: (device.C_m * slope - first + current) / scale,
            lambda: (imposed - current) / (device.C_m * scale),
        )
        return jnp.concatenate([rate[None], device.chart_rates(u, z)])

    def edge(self, y: States, V_old: Scalar, t: Scalar, at: Scalar, scale: Scalar) -> States:
        """y just after an edge at the time t, from y just before it and the voltage there.

        Under voltage drive a jump of V passes C_m at once and adds dV/R_s to the current.
        Without R_s the current restarts from I = C_m V' + i(V, z), and the charge C_m dV passes
        as an impulse that no sample shows.
        """

        def jumped():
            V, _ = self._wave(t, at)
            R_s = jnp.where(self.device.R_s > 0, self.device.R_s, 1.0)
            behind = y[0] + (V - V_old) / (R_s * scale)
            return y.at[0].set(self._unless_ideal(behind * scale, t, y, at) / scale)

        return choose(self.is_voltage, jumped, lambda: y)

    def _wave(self, t, at):
        return jax.jvp(lambda s: self.drive.wave.value(s, at), (t,), (jnp.ones_like(t),))

    def _unless_ideal(self, I, t, y, at):
        """The current; without R_s what follows from the voltage, to its last digit."""
        device = self.device
        V, dV = self._wave(t, at)
        ideal = device.C_m * dV + device.current(V, device.unchart(y[1:]))
        return jnp.where(device.R_s > 0, I, ideal)

    def observe(self, t: Scalar, y: States, at: Scalar, scale: Scalar):
        """u [V], I [A], V [V] and the branches' states x at the time t."""
        value = self.drive.wave.value(t, at)
        R_s, first = self.device.R_s, y[0] * scale
        I = choose(self.is_voltage, lambda: self._unless_ideal(first, t, y, at), lambda: value)
        u = choose(self.is_voltage, lambda: value - R_s * I, lambda: first)
        V = choose(self.is_voltage, lambda: value, lambda: R_s * value + u)
        return u, I, V, self.device.unchart(y[1:])
