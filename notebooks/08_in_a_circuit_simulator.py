# %% [markdown]
# # In a circuit simulator
#
# A device as a subcircuit of ngspice, with a test bench, beside our own solution; then two devices
# joined by a resistor, and the same network by hand in Python. Without ngspice (Debian: `apt
# install ngspice`) only ours is drawn.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no lines of XLA's compiler

import shutil
import subprocess
import tempfile
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)
import jax.numpy as jnp
import numpy as np
from scipy.integrate import solve_ivp

import jaxmem as jm
from jaxmem.plots import ANSWER, SHADES, Curve, Figure, Panel, PlotAxis, draw

folder = Path(tempfile.mkdtemp())


def simulated(deck):
    """The columns of transient.txt that a deck writes; none without ngspice."""
    (folder / "bench.cir").write_text(deck)
    if shutil.which("ngspice") is None:
        return None
    subprocess.run(["ngspice", "-b", "bench.cir"], cwd=folder, capture_output=True, check=False)
    lines = (folder / "transient.txt").read_text().splitlines()
    table = np.array([line.split() for line in lines[1:]], dtype=float)
    return dict(zip(lines[0].split(), table.T, strict=True))


# %% [markdown]
# ## One device
#
# Move these numbers, and run again. The deck is the device's own program, translated: the node of
# the occupation holds its logit.

# %%
device = jm.si_device(R_s=50.0)
current, until = 3.3e-4, 0.03
circuit = jm.Circuit(device, jm.CurrentDrive(jm.Step(current)))
netlist = jm.spice_netlist(device)
(folder / "memristor.lib").write_text(netlist)
print(netlist)

# %%
one = simulated(jm.testbench(circuit, until))
t = np.linspace(0, until, 2001)
run = jm.solve(circuit, t)
if one is not None:
    off = np.interp(t, one["time"], one["v(a)"]) - np.asarray(run.V)
    worst = np.abs(off[1:]).max() / np.ptp(run.V)
    print(f"largest difference beyond the edge: {worst:.1e} of the range")

# %% [markdown]
# ## Two devices and a resistor
#
# Each has a current of its own. By hand: Kirchhoff's law over what the devices say of themselves.

# %%
pair = (jm.si_device(), jm.si_device(tau_d=1.5e-3, tau_k=3.5e-3))
currents, R_c = (3.3e-4, 2.6e-4), 3e3
for k, each in enumerate(pair, 1):
    (folder / f"device_{k}.lib").write_text(jm.spice_netlist(each, name=f"device_{k}"))
two = simulated(f"""* two devices and a resistor
.include device_1.lib
.include device_2.lib
I1 0 a1 PWL(0 0 1e-12 {currents[0]})
I2 0 a2 PWL(0 0 1e-12 {currents[1]})
X1 a1 0 device_1
X2 a2 0 device_2
Rc a1 a2 {R_c}
.options reltol=1e-6 abstol=1e-10 vntol=1e-8 chgtol=1e-15 trtol=1
.control
set wr_singlescale
set wr_vecnames
tran 1e-5 {until} 0 1e-6
wrdata transient.txt v(a1) v(a2)
.endc
.end
""")


def field(y):
    u, z = y[:2], (y[2:4], y[4:])
    own = jnp.stack([d.current(u[k], d.unchart(z[k])) for k, d in enumerate(pair)])
    through = (u[0] - u[1]) / R_c
    C = jnp.stack([d.C_m for d in pair])
    du = (jnp.asarray(currents) - own - jnp.stack([through, -through])) / C
    return jnp.concatenate([du, *(d.chart_rates(u[k], z[k]) for k, d in enumerate(pair))])


start = jnp.concatenate([jnp.zeros(2), *(d.chart_rest(jnp.asarray(0.0)) for d in pair)])
f, J = jax.jit(field), jax.jit(jax.jacfwd(field))
hand = solve_ivp(
    lambda _, y: np.asarray(f(y)), (0, until), np.asarray(start), method="Radau", t_eval=t,
    jac=lambda _, y: np.asarray(J(y)), rtol=1e-6, atol=1e-7,
)  # fmt: skip
if two is not None:
    off = np.interp(t, two["time"], two["v(a1)"]) - hand.y[0]
    worst = np.abs(off[1:]).max() / np.ptp(hand.y[0])
    print(f"largest difference beyond the edge: {worst:.1e} of the range")


# %% What was seen
def beside(lines, table, names):
    """Our lines, and every so often a point of ngspice's."""
    some = slice(None, None, max(len(table["time"]) // 150, 1)) if table else None
    found = [Curve(table["time"][some], table[n][some], label=f"ngspice {n}", role="data", size=3)
             for n in names if table]  # fmt: skip
    return [*lines, *found]


ours = [Curve(t, run.V, label="jaxmem", colour=ANSWER)]
by_hand = [
    Curve(t, hand.y[k], label=f"device {k + 1}, by hand", colour=SHADES[2 * k]) for k in range(2)
]
axes = PlotAxis("t", "s"), PlotAxis("V", "V")
panels = [
    Panel(beside(ours, one, ["v(a)"]), *axes, "one device"),
    Panel(beside(by_hand, two, ["v(a1)", "v(a2)"]), *axes, "two and a resistor"),
]
figure = draw(Figure([panels], (13, 3.9)))
figure.savefig("08_in_a_circuit_simulator.png", dpi=120)
figure
