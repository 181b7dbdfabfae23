"""How long does the first call of each function take, with and without programs on disk?

Each public function of the dynamics is called for the 3D device, `limit_cycle` for Hodgkin and
Huxley's four states, too. A new process calls it with an empty cache of compiled programs (cold), a
second one with the programs that the first has kept (kept, what every later session sees), and then
again and again (warm). Seconds of the processor, which a busy machine changes less than those of
the wall; importing is not counted. The environment is that of the command `jaxmem`.
"""

import tempfile

from benchmarks.harness import Clock, in_new_process
from benchmarks.table import Row

COUNTS = {"repeats": (20, "warm calls of each")}
# The most that a first call with programs on disk may take [s of the processor].
KEPT = 3.0
ROW = Row(
    counted=lambda r: (
        f"{sum(row['kept_cpu_s'] <= KEPT for row in r['calls'].values())} of {len(r['calls'])} "
        f"first calls with programs on disk within {KEPT:g} s of the processor"
    ),
    time=lambda r: (
        "limit_cycle {cold_cpu_s:.1f} s cold, {kept_cpu_s:.1f} s kept, {warm_ms:.1f} ms".format(
            **r["calls"]["limit_cycle"]
        )
    ),
)
CALLS = (
    "operating_point", "operating_points", "solve", "hopf_points", "limit_cycle",
    "limit_cycle_gradients", "cycle_branch", "hopf_curve", "rheobase", "fi_curve",
    "phase_response", "entrainment", "smallest_change", "limit_cycle_hodgkin_huxley",
)  # fmt: skip


def hodgkin_huxley():
    """Hodgkin and Huxley, J. Physiol. 117, 500 (1952), 6.3 C: u from rest in mV, t in ms."""
    import jax.numpy as jnp

    import jaxmem as jm

    class SquidAxon(jm.AbstractBranch):
        states = ("m", "h", "n")
        units = ("1", "1", "1")

        def current(self, u, x):
            m, h, n = x
            return 120 * m**3 * h * (u - 115) + 36 * n**4 * (u + 12) + 0.3 * (u - 10.599)

        def speeds(self, u):
            rising = lambda z: jnp.where(jnp.abs(z) < 1e-6, 1 - z / 2, z / jnp.expm1(z))
            opening = rising((25 - u) / 10), 0.07 * jnp.exp(-u / 20), rising((10 - u) / 10) / 10
            last = 1 / (1 + jnp.exp((30 - u) / 10)), 0.125 * jnp.exp(-u / 80)
            return jnp.stack(opening), jnp.stack([4 * jnp.exp(-u / 18), *last])

        def rates(self, u, x):
            opening, closing = self.speeds(u)
            return opening * (1 - x) - closing * x

        def rest(self, u):
            opening, closing = self.speeds(u)
            return opening / (opening + closing)

    return jm.Device(1.0, {"axon": SquidAxon()})


def prepared(name):
    """A function of nothing that makes the call."""
    import equinox as eqx
    import jax
    import jax.numpy as jnp

    import jaxmem as jm

    device = jm.si_device()
    driven = lambda I: jm.Circuit(device, jm.CurrentDrive(jm.Constant(I)))
    I = 2.4e-4
    if name == "limit_cycle_hodgkin_huxley":
        circuit = jm.Circuit(hodgkin_huxley(), jm.CurrentDrive(jm.Constant(12.0)))
        return lambda: jm.limit_cycle(circuit, u_range=(-20.0, 60.0))
    if name == "limit_cycle_gradients":

        @eqx.filter_jit
        def numbers(values):
            changed = jm.Memristor3D(*values[:-1])
            circuit = jm.Circuit(changed, jm.CurrentDrive(jm.Constant(values[-1])))
            cycle = jm.limit_cycle(circuit, throw=False)
            return jnp.stack([cycle.period, cycle.u_max, cycle.u_min, cycle.energy])

        letters = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")
        values = jnp.stack([*(getattr(device, letter) for letter in letters), jnp.asarray(I)])
        return eqx.Partial(eqx.filter_jit(jax.jacfwd(numbers)), values)
    pulses = jm.CurrentDrive(jm.PulseTrain(I, 1e-3, period=1e-2, count=5))
    sine = jm.CurrentDrive(jm.Sine(amplitude=5e-5, freq=190.0, offset=I))
    return {
        "operating_point": lambda: jm.operating_point(device, I=I),
        "operating_points": lambda: jm.operating_points(device, I=I),
        "solve": lambda: jm.solve(jm.Circuit(device, pulses), jnp.linspace(0, 0.05, 501)),
        "hopf_points": lambda: jm.hopf_points(device),
        "limit_cycle": lambda: jm.limit_cycle(driven(I)),
        "cycle_branch": lambda: jm.cycle_branch(device),
        "hopf_curve": lambda: jm.hopf_curve(device, lambda d: d.tau_k),
        "rheobase": lambda: jm.rheobase(device),
        "fi_curve": lambda: jm.fi_curve(device, jnp.array([2e-4, 3e-4])),
        "phase_response": lambda: jm.phase_response(driven(I)),
        "entrainment": lambda: jm.entrainment(jm.Circuit(device, sine), 1 / 190.0, throw=False),
        "smallest_change": lambda: jm.smallest_change(device, lambda d: d.i_c0, lambda d: d.C_m),
    }[name]


def measure(name, repeats):
    """Seconds of the first call, and of later ones, in this process."""
    import jax

    call = prepared(name)
    with Clock() as first:
        jax.block_until_ready(jax.tree.leaves(call()))
    cpu, wall = [], []
    for _ in range(repeats):
        with Clock() as later:
            jax.block_until_ready(jax.tree.leaves(call()))
        cpu.append(later.cpu)
        wall.append(later.wall)
    middle = lambda times: 1e3 * sorted(times)[len(times) // 2] if times else None
    return {"cpu_s": first.cpu, "wall_s": first.wall, "warm_ms": middle(wall)} | {
        "warm_cpu_ms": middle(cpu), "warm_least_ms": 1e3 * min(wall) if wall else None
    }  # fmt: skip


def calls(repeats, names):
    rows = {}
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            around = {
                "JAX_ENABLE_X64": "1", "EQX_ON_ERROR": "nan", "TF_CPP_MIN_LOG_LEVEL": "3",
                "JAX_COMPILATION_CACHE_DIR": folder,
                "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0", "XLA_FLAGS": "",
            }  # fmt: skip
            cold = in_new_process(measure, name, 0, **around)
            kept = in_new_process(measure, name, repeats, **around)
        rows[name] = {
            "cold_cpu_s": cold["cpu_s"], "cold_wall_s": cold["wall_s"],
            "kept_cpu_s": kept["cpu_s"], "kept_wall_s": kept["wall_s"],
        } | {key: kept[key] for key in ("warm_ms", "warm_least_ms", "warm_cpu_ms")}  # fmt: skip
        print(name, {key: round(value, 2) for key, value in rows[name].items()}, flush=True)
    return rows


def run(options):
    return {"calls": lambda: calls(options.repeats, CALLS)}
