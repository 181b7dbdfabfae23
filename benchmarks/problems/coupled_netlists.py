"""Two exported devices in one circuit, and the same circuit by hand in Python.

`coupled`: each has a current of its own, and a resistor joins them. `driving`: the first, which
spikes, drives the second by a current in proportion to its voltage, and feels nothing of it.
"""

from functools import cache

import jax
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

import jaxmem as jm

# The end [s], the currents [A], the resistor [ohm], and the conductance of the driving [S].
UNTIL, CURRENTS, R_C, DRIVING = 0.015, (3.3e-4, 2.6e-4), 3e3, 6e-5
KINDS = ("coupled", "driving")
# Of the simulators: largest step [s], as in the test bench of one device.
MAX_STEP = 5e-7


def devices():
    """The two: alike, but for the times of the second."""
    return jm.si_device(), jm.si_device(tau_d=1.5e-3, tau_k=3.5e-3)


def netlists(tool) -> dict[str, str]:
    """Files of the two devices."""
    write, ending = (jm.spice_netlist, "lib") if tool == "ngspice" else (jm.verilog_a, "va")
    return {
        f"device_{k}.{ending}": write(device, name=f"device_{k}")
        for k, device in enumerate(devices(), 1)
    }


def circuit_file(kind, tool) -> str:
    """The circuit for a simulator; its table is transient.txt or transient.raw."""
    first, second = CURRENTS
    ramp = 1e-10 * UNTIL
    if tool == "ngspice":
        between = f"Rc a1 a2 {R_C!r}" if kind == "coupled" else f"G1 0 a2 a1 0 {DRIVING!r}"
        return (
            f"* two devices, {kind}\n.include device_1.lib\n.include device_2.lib\n"
            f"I1 0 a1 PWL(0 0 {ramp!r} {first!r})\nI2 0 a2 PWL(0 0 {ramp!r} {second!r})\n"
            f"X1 a1 0 device_1\nX2 a2 0 device_2\n{between}\n"
            ".options reltol=1e-6 abstol=1e-10 vntol=1e-8 chgtol=1e-15 trtol=1\n"
            ".control\nset numdgt=15\nset wr_singlescale\nset wr_vecnames\n"
            f"tran 1e-5 {UNTIL!r} 0 {MAX_STEP!r}\nwrdata transient.txt v(a1) v(a2)\n.endc\n.end\n"
        )
    between = (
        f"rc (a1 a2) resistor r={R_C!r}" if kind == "coupled"
        else f"g1 (0 a2 a1 0) vccs gain={DRIVING!r}"
    )  # fmt: skip
    return (
        f"two devices, {kind}\n"
        'load "resistor.osdi"\nload "device_1.va"\nload "device_2.va"\nground 0\n'
        "model resistor resistor\nmodel vccs vccs\nmodel isource isource\n"
        "model device_1 device_1\nmodel device_2 device_2\n"
        f'i1 (0 a1) isource dc=0 type="pwl" wave=[0, 0, {ramp!r}, {first!r}]\n'
        f'i2 (0 a2) isource dc=0 type="pwl" wave=[0, 0, {ramp!r}, {second!r}]\n'
        f"x1 (a1 0) device_1\nx2 (a2 0) device_2\n{between}\n"
        "control\n  options reltol=1e-6 abstol=1e-10 vntol=1e-8 chgtol=1e-15\n"
        f"  analysis transient tran step={MAX_STEP!r} stop={UNTIL!r} maxstep={MAX_STEP!r}\n"
        "endc\n"
    )


def by_hand(kind, t) -> np.ndarray:
    """u of both devices at the times t [s], (n, 2): Kirchhoff's law over the devices' methods."""
    return _solution(kind)(t)[:2].T


@cache
def _solution(kind):
    pair, I = devices(), jnp.asarray(CURRENTS)

    def field(y):
        u, z = y[:2], (y[2:4], y[4:])
        own = [d.current(u[k], d.unchart(z[k])) for k, d in enumerate(pair)]
        if kind == "coupled":
            more = jnp.stack([u[1] - u[0], u[0] - u[1]]) / R_C
        else:
            more = jnp.stack([0.0 * u[0], DRIVING * u[0]])
        C = jnp.stack([d.C_m for d in pair])
        rates = [d.chart_rates(u[k], z[k]) for k, d in enumerate(pair)]
        return jnp.concatenate([(I + more - jnp.stack(own)) / C, *rates])

    rest = jnp.zeros(2)
    start = jnp.concatenate([rest, *(d.chart_rest(jnp.asarray(0.0)) for d in pair)])
    f, J = jax.jit(field), jax.jit(jax.jacfwd(field))
    run = solve_ivp(
        lambda _, y: np.asarray(f(y)), (0.0, UNTIL), np.asarray(start), method="Radau",
        jac=lambda _, y: np.asarray(J(y)), dense_output=True, rtol=1e-8, atol=1e-9,
    )  # fmt: skip
    if run.status != 0:
        raise RuntimeError(run.message)
    return run.sol
