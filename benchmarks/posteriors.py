"""Do posteriors converge, and are they calibrated?

    python benchmarks/posteriors.py --seed 0

writes `benchmarks/results/posteriors.json`.

- `convergence`: posteriors of synthetic spectra by default settings: single spectra of the chemical
  inductor (4 elements, relative noise not known), and three biases of 3D devices drawn over decades
  (7 parameters), each at its optimum. How many end with R-hat < 1.01 and without a divergence.
- `calibration` (Talts et al. 2018): a truth is drawn from the prior, data from the truth, and the
  rank of the truth among the draws must be uniform. 2D elements of one spectrum, the prior
  log-normal; chi2 of 20 bins, p above 0.01 over the number of parameters.
- `naive`: the same sampler without the optimum and the whitening, on the first single spectrum.
- `joint`: convergence for a few devices with two loops and a step besides the spectra, 250 draws.

`--only joint` runs one part and puts it in the file beside what is there.
"""

import argparse
import json
import platform
import sys
import time
from importlib.metadata import version
from pathlib import Path

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from scipy.stats import chisquare, kstest

from fitting import MultiStart, fit, posterior
from fitting.inference.likelihood import residual_of
from fitting.inference.nuts import R_HAT, diagnostics

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))

import calibration
import studies
from circuits_by_hand import SPACE, TRUTHS, device, noisy

BINS = 20
PARTS = ("convergence", "calibration", "naive", "joint")
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
            start = time.perf_counter()
            drawn = posterior(result, seed=seed, **options)
            rows.append(looked(drawn, time.perf_counter() - start) | {"case": k})
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
        far = (z - jnp.asarray(calibration.in_search(TRUTHS[0]))) / (2 * np.log(10))
        return 0.5 * jnp.sum(r**2) + 0.5 * jnp.sum(far**2)

    rng = np.random.default_rng(seed)
    begin = calibration.in_search(TRUTHS[0]) + np.log(10) * rng.uniform(-2, 2, size=(4, 4))
    start = time.perf_counter()
    run = MCMC(
        NUTS(potential_fn=potential), num_warmup=500, num_samples=1000, num_chains=4,
        chain_method="sequential", progress_bar=False,
    )  # fmt: skip
    run.run(jax.random.key(seed), init_params=jnp.asarray(begin))
    z = np.asarray(run.get_samples(group_by_chain=True))
    diverging = np.asarray(run.get_extra_fields()["diverging"])
    return dict(
        r_hat=float(diagnostics(z)[0].max()), divergent=int(diverging.sum()),
        seconds=round(time.perf_counter() - start, 1),
    )  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quick", action="store_true", help="a tenth of the counts, not written")
    parser.add_argument("--only", choices=PARTS, help="one part, added to what the file has")
    options = parser.parse_args()
    here = Path(__file__).resolve()
    share = 10 if options.quick else 1
    packages = ("jax", "equinox", "numpyro", "numpy", "scipy")
    result = {
        "command": f"benchmarks/posteriors.py --seed {options.seed}",
        "machine": f"{platform.machine()}, {platform.system()}, python {platform.python_version()}",
        "device": str(jax.devices()[0]),
        "versions": {n: version(n) for n in packages},
        "r_hat_below": R_HAT,
    }
    makers = [(single, 50 // share), (three, 50 // share)]
    parts = {
        "convergence": lambda: convergence(makers, options.seed),
        "calibration": lambda: calibrated(options.seed, 200 // share),
        "naive": lambda: naive(options.seed),
        "joint": lambda: convergence([(joint, max(3 // share, 1))], options.seed, **SHORT),
    }
    out = here.parent / "results/posteriors.json"
    if options.only:
        parts = {options.only: parts[options.only]}
        result = (json.loads(out.read_text()) if out.exists() else {}) | result
    for name, part in parts.items():
        print(name, flush=True)
        start = time.perf_counter()
        result[name] = part()
        result[name]["seconds_in_all"] = round(time.perf_counter() - start, 2)
        print(json.dumps(result[name], indent=1), flush=True)
    if not options.quick:
        out.write_text(json.dumps(result, indent=1) + "\n")
        print(f"wrote {out.relative_to(here.parents[1])}")


if __name__ == "__main__":
    main()
