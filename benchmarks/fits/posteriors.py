"""Do posteriors converge, and are they calibrated?

- `convergence`: posteriors of synthetic spectra by default settings: single spectra of the chemical
  inductor (4 elements, relative noise not known), and three biases of 3D devices drawn over decades
  (7 parameters), each at its optimum. How many end with R-hat < 1.01 and without a divergence.
- `calibration` (Talts et al. 2018): a truth is drawn from the prior, data from the truth, and the
  rank of the truth among the draws must be uniform. 2D elements of one spectrum, the prior
  log-normal; chi2 of 20 bins, p above 0.01 over the number of parameters.
- `naive`: the same sampler without the optimum and the whitening, on the first single spectrum.
- `joint`: convergence for a few devices with two loops and a step besides the spectra, 250 draws.
"""

import jax
import jax.numpy as jnp
import numpy as np
from scipy.stats import chisquare, kstest

from benchmarks.harness import Clock
from benchmarks.problems import calibration, studies
from benchmarks.problems.circuits_by_hand import SPACE, TRUTHS, device, in_search, noisy
from benchmarks.table import Row
from fitting import MultiStart, fit, posterior
from fitting.inference.likelihood import residual_of
from fitting.inference.nuts import diagnostics

COUNTS = {
    "cases": (50, "posteriors of a spectrum, and of three"),
    "runs": (200, "of the calibration"),
    "studies": (3, "posteriors of joint studies"),
}
BINS = 20
# Of what integrates in time.
SHORT = dict(draws=250, warmup=150)


def single(seed, k):
    """A spectrum of 60 points with noise of half a per cent."""
    rng = np.random.default_rng([seed, 1, k])
    truth = TRUTHS[k % len(TRUTHS)]
    return fit(noisy(truth, rng), device(*truth), SPACE, starts=MultiStart(0))


def three(seed, k):
    """Spectra at three biases round V_T, 40 points each, noise of one per cent."""
    rng = np.random.default_rng([seed, 2, k])
    truth = studies.draw_truth(rng)
    device = studies.device_of(truth)
    taus = [truth["R_b"] * truth["C_m"], truth["tau_d"], truth["tau_k"]]
    freq = np.geomspace(0.03 / max(taus), 3 / min(taus), 40) / (2 * np.pi)
    biases = [truth["V_T"] + x * truth["V_m"] for x in (-2.0, 0.0, 2.0)]
    spectra = [studies.noisy_spectrum(rng, device, u, freq) for u in biases]
    return fit(spectra, device, studies.SPACE, starts=MultiStart(0))


def joint(seed, k):
    """Three spectra, two loops and a step."""
    terms, device = studies.draw_study(np.random.default_rng([seed, 3, k]))
    return fit(terms, device, studies.SPACE, starts=MultiStart(0))


def looked(result, seconds):
    """What a posterior says of itself."""
    return dict(
        ok=result.ok, r_hat=float(result.r_hat.max()), ess=float(result.ess.min()),
        divergent=int(result.divergent.sum()), thin=result.thin, accept=round(result.accept, 4),
        gradients=float(result.steps.mean()), seconds=round(seconds, 2),
        not_identifiable=int((~result.fit.identifiable).sum()),
    )  # fmt: skip


def at_once(row):
    """Whether it needed neither more draws nor smaller steps than the defaults."""
    return row["ok"] and row["thin"] == 1 and row["accept"] == 0.9


def convergence(makers, seed, **options):
    """How many posteriors are fit to be used; `makers`: pairs of a maker and a count."""
    found = {}
    for make, count in makers:
        rows = []
        for k in range(count):
            result = make(seed, k)
            with Clock() as clock:
                drawn = posterior(result, seed=seed, **options)
            rows.append(looked(drawn, clock.wall) | {"case": k})
        found[make.__name__] = dict(
            of=count, ok=sum(row["ok"] for row in rows),
            at_once=sum(map(at_once, rows)),
            median_seconds=float(np.median([row["seconds"] for row in rows])),
            longest_seconds=max(row["seconds"] for row in rows),
            not_at_once=[row for row in rows if not at_once(row)],
        )  # fmt: skip
    return found


def calibrated(seed, runs):
    """Ranks of truths drawn from the prior."""
    rows, ok = [], 0
    for k in range(runs):
        found, truth = calibration.drawn(np.random.default_rng([seed, 4, k]), k)
        ok += found.ok
        rows.append(calibration.ranks(found, truth))
    table = {}
    for j, name in enumerate(calibration.NAMES):
        row = np.array(rows)[:, j]
        counts = np.bincount(row * BINS // (calibration.RANKS + 1), minlength=BINS)
        table[name] = dict(
            p_chi2=float(chisquare(counts).pvalue),
            p_ks=float(kstest((row + 0.5) / (calibration.RANKS + 1), "uniform").pvalue),
        )
    limit = 0.01 / len(table)
    fine = all(row["p_chi2"] > limit for row in table.values())
    return dict(
        runs=runs, ok=ok, ranks=calibration.RANKS + 1, bins=BINS, limit=limit, uniform=fine, p=table
    )  # fmt: skip


def naive(seed):
    """numpyro's NUTS as it comes: logarithms over the start box, drawn anywhere in it."""
    from numpyro.infer import MCMC, NUTS

    problem = single(seed, 0).problem
    sigma = 0.005

    def potential(z):
        r = residual_of(problem.parts, problem.model, problem.coordinates, z) / sigma
        far = (z - jnp.asarray(in_search(TRUTHS[0]))) / (2 * np.log(10))
        return 0.5 * jnp.sum(r**2) + 0.5 * jnp.sum(far**2)

    rng = np.random.default_rng(seed)
    begin = in_search(TRUTHS[0]) + np.log(10) * rng.uniform(-2, 2, size=(4, 4))
    sampler = MCMC(
        NUTS(potential_fn=potential), num_warmup=500, num_samples=1000, num_chains=4,
        chain_method="sequential", progress_bar=False,
    )  # fmt: skip
    with Clock() as clock:
        sampler.run(jax.random.key(seed), init_params=jnp.asarray(begin))
    z = np.asarray(sampler.get_samples(group_by_chain=True))
    diverging = np.asarray(sampler.get_extra_fields()["diverging"])
    return dict(
        r_hat=float(diagnostics(z)[0].max()), divergent=int(diverging.sum()),
        seconds=round(clock.wall, 1),
    )  # fmt: skip


def run(options):
    makers = [(single, options.cases), (three, options.cases)]
    studies = [(joint, options.studies)]
    return {
        "convergence": lambda: convergence(makers, options.seed),
        "calibration": lambda: calibrated(options.seed, options.runs),
        "naive": lambda: naive(options.seed),
        "joint": lambda: convergence(studies, options.seed, **SHORT),
    }


def _kinds(result):
    return result["convergence"] | result["joint"]


KINDS = ("single", "three", "joint")
ROW = Row(
    counted=lambda r: (
        "converged: "
        + ", ".join("{} {ok} of {of}".format(name, **_kinds(r)[name]) for name in KINDS)
    ),
    error=lambda r: (
        f"ranks of {r['calibration']['runs']} truths uniform, least p "
        f"{min(p['p_chi2'] for p in r['calibration']['p'].values()):.2g}"
    ),
    time=lambda r: (
        "median "
        + ", ".join("{} {median_seconds:.2g} s".format(name, **_kinds(r)[name]) for name in KINDS)
    ),
    peer=lambda r: "NUTS as it comes: R-hat {r_hat:.3g}, {seconds:.2g} s".format(**r["naive"]),
)
