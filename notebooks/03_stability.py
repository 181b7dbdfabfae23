# %% [markdown]
# # 03 Stability
#
# Where a device at rest begins to oscillate, what decides it, and how far today's device is from
# that.

# %%
import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
from matplotlib.figure import Figure

import jaxmem as jm
from jaxmem.output.numbers import engineering
from jaxmem.plots.stability import gain_axes, map_axes

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
figure = Figure(figsize=(13.5, 4.0), layout="constrained")
left, middle, right = figure.subplots(1, 3)
gain_axes(left, device, "current")
left.set_title("this device")
shown = map_axes(
    middle, stability,
    here=(float(device.C_m), float(device.tau_d)), target=(float(target[1]), float(target[0])),
)  # fmt: skip
figure.colorbar(shown, ax=middle, label="ln(b/a): above 0 it oscillates")
middle.set_title("the star is this device")
good = jnp.isfinite(curve.parameter)
right.loglog(curve.parameter[good], curve.drive[good], color="#0072B2")
right.set(xlabel="C_m  (F)", ylabel="I at the Hopf points  (A)", title="the window of currents")
right.grid(alpha=0.25, lw=0.5)
figure.savefig("03_stability.png", dpi=120)
figure
