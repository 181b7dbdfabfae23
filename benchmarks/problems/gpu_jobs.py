"""What `benchmarks gpu` computes: each a function of a seed, most of a count too, on any device."""

from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import jaxmem as jm
from fitting import MultiStart, Spectrum, element_model, fit, fit_many

# Rows that are drawn at once.
CHUNK = 2**16
# Cells of the map of counts along the gain and along tau_k/tau_d, a decade each.
CELLS = 8
LETTERS = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")


def transient(seed):
    """u of a spiking device at 2,001 times."""
    del seed
    circuit = jm.Circuit(jm.si_device(), jm.CurrentDrive(jm.Step(3.3e-4)))
    return jm.solve(circuit, jnp.linspace(0, 0.05, 2001), rtol=1e-9).u


def spectrum_fit(seed):
    """The fitted elements of a noisy chemical inductor, from 24 starts."""
    data = _spectrum(np.random.default_rng(seed))
    start = element_model("2d", spectrum=data, lead=False, series=False)
    return fit(data, start.model, start.space, starts=MultiStart(24, start.box), seed=seed).values


def ensemble(seed):
    """u at the end of a step, for 256 devices at once."""
    rng = np.random.default_rng(seed)
    factors = jnp.asarray(rng.uniform(0.8, 1.25, size=(256, 3)))

    @eqx.filter_jit
    @jax.vmap
    def end(x):
        d = jm.si_device(R_b=1e4 * x[0], i_c0=5e-4 * x[1], tau_d=2e-3 * x[2])
        circuit = jm.Circuit(d, jm.CurrentDrive(jm.Step(3.3e-4)))
        return jm.solve(circuit, jnp.linspace(0, 5e-3, 11), throw=False).u[-1]

    return end(factors)


def _any(letters, u):
    return jm.hopf_margin(jm.Memristor3D(**letters), u)


def _formula(p, u):
    """(q - 1 - g)/(q + 1 + g) of `least_margin_3d`, at one voltage."""
    x = (u - p["V_T"]) / p["V_m"]
    f = jax.nn.sigmoid(x)
    T = p["R_b"] * p["C_m"], p["tau_d"], f * p["tau_k"]
    q = sum(T) * sum(1 / t for t in T)
    g = p["R_b"] * p["i_c0"] * f * jax.nn.sigmoid(-x) / p["V_m"]
    return (q - 1 - g) / (q + 1 + g)


@partial(jax.jit, static_argnames=("margin", "chunks"))
def _reduced(margin, seed, chunks):
    """Of drawn devices at drawn voltages: the first margins, and how many of each cell are below 0.

    Nothing of a chunk is kept but its counts, so that the size of the map is no matter of memory.
    """
    # Decades of the letters about the paper's example, of V_T volts; the last is u.
    width = jnp.array([2.0, 2.0, 4.0, 0.3, 1.0, 4.0, 4.0, 1.0])
    centre = jnp.array([1.0, 1.0, 1.85, 1.0, 0.05, 1.0, 1.0, 1.0])

    def drawn(k):
        key = jax.random.fold_in(jax.random.key(seed), k)
        x = jax.random.uniform(key, (len(width), CHUNK), minval=-0.5, maxval=0.5)
        rows = centre[:, None] * 10 ** (width[:, None] * x)
        p = dict(zip(LETTERS, rows[:-1], strict=True))
        # Within ten widths of the onset, to both sides.
        return p, p["V_T"] + 20 * p["V_m"] * x[-1]

    def below_zero(count, k):
        p, u = drawn(k)
        m = jax.vmap(margin)(p, u)
        gain = jnp.log10(p["R_b"] * p["i_c0"] / p["V_m"])
        lag = jnp.log10(p["tau_k"] / p["tau_d"])
        at = [jnp.clip(jnp.floor(v + CELLS / 2).astype(int), 0, CELLS - 1) for v in (gain, lag)]
        more = jax.ops.segment_sum((m < 0).astype(int), at[0] * CELLS + at[1], CELLS**2)
        return count + more, None

    count, _ = jax.lax.scan(below_zero, jnp.zeros(CELLS**2, int), jnp.arange(chunks))
    return jax.vmap(margin)(*drawn(0)), count


def _margins(margin, seed, count):
    # The counts of a larger map are others: what is compared is the first margins.
    first, counts = _reduced(margin, seed, -(-count // CHUNK))
    jax.block_until_ready(counts)
    return first


margins_of_any = partial(_margins, _any)
margins_by_formula = partial(_margins, _formula)


def _scattered(seed, count):
    """Letters of spiking devices, each scattered by a tenth, V_T by 2 %."""
    rng = np.random.default_rng(seed)
    centre = dict(R_b=1.0, C_m=1.0, i_c0=10.0, V_T=1.0, V_m=0.05, tau_d=5.0, tau_k=2.0)
    x = rng.normal(size=(count, len(centre)))
    spread = np.array([0.02 if k == "V_T" else 0.1 for k in centre])
    rows = np.array(list(centre.values())) * np.exp(spread * x)
    return {k: jnp.asarray(rows[:, j]) for j, k in enumerate(centre)}


def transients(seed, count):
    """u at 11 times under steps of voltage, all in one call."""

    def circuit(p):
        wave = jm.Step(1.4, low=0.7, start=4.0) + jm.Step(-0.5, start=12.0)
        return jm.Circuit(jm.Memristor3D(**p, R_s=0.1), jm.VoltageDrive(wave))

    circuits = jax.vmap(circuit)(_scattered(seed, count))
    return jm.solve_ensemble(circuits, jnp.linspace(0.0, 20.0, 11)).u


@eqx.filter_jit
def _cycles(letters):
    def one(p):
        logs = {k: jnp.log(v) for k, v in p.items()}

        def period(logs):
            device = jm.Memristor3D(**{k: jnp.exp(v) for k, v in logs.items()})
            low, high = jm.hopf_points(device).I[:2]
            drive = jm.CurrentDrive(jm.Constant(jax.lax.stop_gradient((low + high) / 2)))
            return jnp.log(jm.limit_cycle(jm.Circuit(device, drive), throw=False).period)

        value, slopes = jax.value_and_grad(period)(logs)
        return jnp.stack([value, *slopes.values()])

    return jax.lax.map(one, letters, batch_size=min(4096, len(letters["R_b"])))


def cycles(seed, count):
    """ln of the period in the middle of the window, and its derivatives by the letters' logs."""
    return _cycles(_scattered(seed, count))


def _spectrum(rng):
    freq = np.geomspace(0.1, 1e5, 60)
    s = 2j * np.pi * freq
    Z = 1 / (1e-8 * s + 1e-5 + 1 / (2e4 + 2e3 * s))
    return Spectrum(freq, Z + 0.005 * np.abs(Z) * (rng.normal(size=60) + 1j * rng.normal(size=60)))


def spectra(seed, count):
    """Logs of the elements fitted to spectra with noise of their own."""
    data = [_spectrum(np.random.default_rng([seed, k])) for k in range(count)]
    start = element_model("2d", spectrum=data[0], lead=False, series=False)
    found = fit_many(data, start.model, start.space, starts=MultiStart(4, start.box), seed=seed)
    return np.log(found.values)
