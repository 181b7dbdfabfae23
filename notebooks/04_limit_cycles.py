# %% [markdown]
# # 04 Limit cycles
#
# How a device spikes: the whole branch of cycles between its Hopf points, the derivatives of the
# period, and a start from rest beside the cycle that it comes to.

# %%
import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import jaxmem as jm
from jaxmem.output.numbers import engineering
from jaxmem.plots.devices import ANSWER, COLOURS, engineering_axis
from jaxmem.plots.stability import rest_curve

# %% The device and its current: numbers to move
device, I = jm.si_device(), 2.2e-4
circuit = jm.Circuit(device, jm.CurrentDrive(jm.Constant(I)))

# %% One cycle, with derivatives


def log_period(device):
    cycle = jm.limit_cycle(jm.Circuit(device, circuit.drive))
    return jnp.log(cycle.period), cycle


(_, cycle), slopes = jax.value_and_grad(log_period, has_aux=True)(device)
print(
    f"{engineering(1 / float(cycle.period), 'Hz')}, {engineering(float(cycle.energy), 'J')} a spike"
)
names = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")
shares = {name: float(getattr(slopes, name) * getattr(device, name)) for name in names}
for name, share in shares.items():
    print(f"1 % of {name:6} changes the period by {share:+.3f} %")

# %% The branch from Hopf point to Hopf point, and a start from rest
hopf = jm.hopf_points(device)
branch = jm.cycle_branch(device, largest=0.15)
t = jnp.linspace(0, 12 * cycle.period, 3001)
run = jm.solve(jm.Circuit(device, jm.CurrentDrive(jm.Step(I))), t)

# %% What was seen
figure = Figure(figsize=(13.5, 7.2), layout="constrained")
(top, bars), (wave, plane) = figure.subplots(2, 2)
n, ends = int(branch.count), np.asarray(hopf.I[:2])
rest_curve(top, device, "current", (0.0, 1.25 * float(ends.max())))
for side in (branch.u_max, branch.u_min):
    top.plot(branch.drive[:n], side[:n], color=COLOURS[0], lw=1.6)
top.plot(ends, hopf.u[:2], "o", mfc="w", mec="k")
engineering_axis(top, "x", "I", "A")
engineering_axis(top, "y", "u: rest (black), cycles (blue)", "V")
bars.barh(
    list(shares), list(shares.values()), color=[ANSWER if s > 0 else "0.6" for s in shares.values()]
)
bars.axvline(0, color="k", lw=0.8)
bars.invert_yaxis()
bars.set_xlabel("change of the period for 1 % of each parameter  (%)")
wave.plot(run.t, run.u, color=ANSWER)
engineering_axis(wave, "x", "time", "s")
engineering_axis(wave, "y", "u from rest", "V")
plane.plot(run.u, run.state("f"), color="0.75", lw=0.8, label="from rest")
plane.plot(cycle.u, cycle.x[:, 1], color=ANSWER, lw=1.8, label="the limit cycle")
engineering_axis(plane, "x", "u", "V")
plane.set_ylabel("occupation f")
plane.legend(frameon=False)
figure.savefig("04_limit_cycles.png", dpi=120)
figure
