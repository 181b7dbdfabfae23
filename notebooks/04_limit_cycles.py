# %% [markdown]
# # 04 Limit cycles
#
# How a device spikes: the whole branch of cycles between its Hopf points, the derivatives of the
# period, and a start from rest beside the cycle that it comes to.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no lines of XLA's compiler

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from matplotlib.figure import Figure

import jaxmem as jm
from jaxmem.output.numbers import engineering
from jaxmem.plots import ANSWER, BLACK, PALE, Curve, Panel, PlotAxis, draw_panel
from jaxmem.plots.stability import rest_curves

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

# %% What was seen: panels drawn into axes of one's own, beside what is drawn by hand
figure = Figure(figsize=(13.5, 7.2), layout="constrained")
(top, bars), (wave, plane) = figure.subplots(2, 2)
n, ends = int(branch.count), np.asarray(hopf.I[:2])
rest = rest_curves(device, "current", (0.0, 1.25 * float(ends.max())))
cycles = [Curve(branch.drive[:n], side[:n]) for side in (branch.u_max, branch.u_min)]
rings = Curve(ends, hopf.u[:2], "ring", colour=BLACK)
voltage = PlotAxis("u: rest (black), cycles (blue)", "V")
draw_panel(top, Panel([*rest, *cycles, rings], PlotAxis("I", "A"), voltage))
bars.barh(
    list(shares), list(shares.values()), color=[ANSWER if s > 0 else "0.6" for s in shares.values()]
)
bars.axvline(0, color="k", lw=0.8)
bars.invert_yaxis()
bars.set_xlabel("change of the period for 1 % of each parameter  (%)")
from_rest = Curve(run.t, run.u, colour=ANSWER)
draw_panel(wave, Panel([from_rest], PlotAxis("time", "s"), PlotAxis("u from rest", "V")))
turns = [
    Curve(run.u, run.state("f"), "thin", label="from rest", colour=PALE),
    Curve(cycle.u, cycle.x[:, 1], label="the limit cycle", colour=ANSWER),
]
draw_panel(plane, Panel(turns, PlotAxis("u", "V"), PlotAxis("occupation f")))
figure.savefig("04_limit_cycles.png", dpi=120)
figure
