# %% [markdown]
# # 03 Stability
#
# Where a device at rest begins to oscillate, what decides it, and how far today's device is from
# that.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no lines of XLA's compiler

import jax

jax.config.update("jax_enable_x64", True)

from dataclasses import replace

import jax.numpy as jnp

import jaxmem as jm
from jaxmem.output.numbers import engineering
from jaxmem.plots import Curve, Figure, Panel, PlotAxis, draw
from jaxmem.plots.stability import gain_panel, map_panel

# %% The device: numbers to move
device = jm.si_device(C_m=2e-9)  # plausible SI values; the layer's capacitance is too small

# %% Hopf points, and the loop gain against its bound
found = jm.hopf_points(device)
print(f"{int(found.found)} Hopf points under a constant current")
readiest = jm.least_margin(device)
gain = jm.loop_gain(device, readiest.u)
print(f"loop gain {gain.gain:.1f} where {gain.bound:.1f} is needed")

# %% [markdown]
# Three lags stand in a ring: it oscillates if and only if the gain is above
# (T1 + T2 + T3)(1/T1 + 1/T2 + 1/T3) - 1, at least 8 (for three equal lags).

# %% The smallest change that makes it spike
change = jm.smallest_change(device)
for name, unit, value, factor in zip(
    change.names, change.units, change.values, change.factors, strict=True
):
    to = engineering(float(value * factor), unit)
    print(f"{name:6} {engineering(float(value), unit):>10} -> {to}")

# %% A map over the capacitance and the delay, each point reduced over 200 voltages
axes = (
    jm.Axis.log(lambda d: d.tau_d, 2e-5, 2e-1, 161),
    jm.Axis.log(lambda d: d.C_m, 2e-11, 2e-5, 161),
)
stability = jm.sweep(jm.least_margin_3d, device, *axes)
near = jm.smallest_change(device, lambda d: d.tau_d, lambda d: d.C_m)
target = near.values * near.factors

# %% And one that spikes: its Hopf points over the capacitance
spiking = jm.si_device()
curve = jm.hopf_curve(spiking, lambda d: d.C_m)

# %% What was seen
stars = map_panel(
    stability,
    here=(float(device.C_m), float(device.tau_d)), target=(float(target[1]), float(target[0])),
)  # fmt: skip
good = jnp.isfinite(curve.parameter)
window = Panel(
    [Curve(curve.parameter[good], curve.drive[good])],
    PlotAxis("C_m", "F", "log"),
    PlotAxis("I at the Hopf points", "A", "log"),
    "the window of currents",
)
left = replace(gain_panel(device, "current"), title="this device")
middle = replace(stars, title="the star is this device")
figure = draw(Figure([[left, middle, window]], (13.5, 4.0)))
figure.savefig("03_stability.png", dpi=120)
figure
