# %% [markdown]
# # Design a device, and make most of them good
#
# The nearest device that spikes as is wanted may lie at the edge of what spikes, where little that
# goes wrong in the making is a lot. The yield says so, and where to go instead.

# %%
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # no lines of XLA's compiler

import jax

jax.config.update("jax_enable_x64", True)

import jaxmem as jm
from fitting import DesignGoal, Knob, Scatter, design, maximise_yield
from fitting.yields.pictures import yield_figure
from jaxmem.plots import draw

# %% [markdown]
# ## The nearest device that spikes at 200 Hz with 0.25 V
#
# Today's device does not oscillate. Six parameters may change, each by a factor of eight; cycles
# are meant where the window of oscillation begins.

# %%
today = jm.si_device(C_m=2e-8)
letters = ("R_b", "C_m", "i_c0", "V_m", "tau_d", "tau_k")
knobs = [Knob(lambda d, n=n: getattr(d, n), within=8.0) for n in letters]
at = ("window", 0.15)
nearest = design(
    [DesignGoal("frequency", 200.0), DesignGoal("amplitude", 0.25)], today, knobs, at=at
)
print(*nearest.statements(), sep="\n")

# %% [markdown]
# ## How many of them are good?
#
# Every parameter of a made device scatters by 10 %. It is good if it spikes, within 15 % of the
# frequency and 20 % of the amplitude. The gradient of a smoothed count over an ensemble of devices,
# which keeps its scatter while the design moves, leads to where most are good. What is reported are
# counts of devices that the search has not seen.

# %%
specification = [
    DesignGoal("frequency", 200.0, tolerance=0.15), DesignGoal("amplitude", 0.25, tolerance=0.2)
]  # fmt: skip
found = maximise_yield(
    nearest.device, specification, knobs, Scatter(0.1), today=today, at=at, devices=1000
)
print("Before:", *found.before.statements(), "", "After:", *found.statements(), sep="\n")

# %% [markdown]
# Each device where it came to, the specification dashed; and what would be gained if one parameter
# did not scatter: the one that is worth more care in the making.

# %%
counted = {"nearest": found.before, "largest yield": found.after}
figure = draw(yield_figure(specification, "current", counted))
figure.savefig("06_design_and_yield.png", dpi=110)

# %% [markdown]
# Corner cases: the most probable device at each limit, by how many standard deviations it is off.

# %%
for corner in found.after.corners:
    told = ", ".join(f"{name} = {value:.3g}" for name, value in corner.parameters.items())
    print(f"{corner.limit}: {corner.distance:.2f}; {told}")
