"""A posterior of a fit by NUTS, started at the optimum and whitened by its Hessian."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Bool, Float

from fitting.estimate.result import Fit
from fitting.inference.likelihood import Likelihood, open_ends
from fitting.inference.log_posterior import Density, prior_sd
from fitting.inference.nuts import R_HAT, diagnostics, numpyro_here, sample
from fitting.inference.propagate import Summary, summaries
from jaxmem.output.provenance import provenance_of
from jaxmem.output.reporter import Reporter, Silent

# Draws between two looks at progress and Ctrl-C; of a problem that integrates in time, fewer.
CHUNK, INTEGRATING_CHUNK = 250, 10
# Decided by the data is what has an error below this share of that of the weak prior.
INFORMED = 0.5
ACCEPT = 0.9


class Posterior(NamedTuple):
    """Draws from a posterior.

    - `z`: search vectors, `(chains, draws, p)`. `divergent`: of each draw, `(chains, draws)`;
      `steps`: gradients that it took.
    - `r_hat`, `ess`: split R-hat and effective number of draws of each parameter, `(p,)`.
    - `thin`: of how many draws each is the last one. `accept`: the acceptance that was aimed at.
    - `decades`: standard deviation of the weak prior round the optimum, None without.
    - `informed`: whether the data decide a parameter, and not the weak prior, `(p,)`.
    - `complete`: False if it was interrupted.
    """

    fit: Fit
    z: Float[np.ndarray, "chains draws p"]
    divergent: Bool[np.ndarray, "chains draws"]
    steps: np.ndarray
    r_hat: Float[np.ndarray, "p"]
    ess: Float[np.ndarray, "p"]
    decades: float | None
    informed: Bool[np.ndarray, "p"]
    warmup: int
    thin: int
    accept: float
    seed: int
    complete: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Of the parameters."""
        return self.fit.names

    @property
    def ok(self) -> bool:
        """Whether all chains agree (R-hat below 1.01) and none diverged."""
        return self.complete and not self.divergent.any() and bool((self.r_hat < R_HAT).all())

    @property
    def values(self) -> Float[np.ndarray, "chains draws p"]:
        """The parameters in their units."""
        return self.fit.problem.coordinates.to_values(self.z)

    @property
    def flat(self) -> Float[np.ndarray, "n p"]:
        """Search vectors of all chains, one after the other."""
        return self.z.reshape(-1, self.z.shape[-1])

    @property
    def correlation(self) -> Float[np.ndarray, "p p"]:
        """Of the search coordinates."""
        return np.corrcoef(self.flat, rowvar=False).reshape(self.z.shape[-1], -1)

    def __getitem__(self, name: str) -> Summary:  # pyright: ignore[reportIncompatibleMethodOverride]
        """A parameter over the draws, with its 95 % interval."""
        return self.summary(name)

    def summary(self, name: str, level: float = 0.95) -> Summary:
        """A parameter over the draws: median and central interval of a level."""
        k = self._index(name)
        return Summary.of(self.values[..., k].ravel(), self.fit.units[k], level)

    def interval(self, name: str, level: float = 0.95) -> tuple[float, float]:
        """Low and high of a parameter in its unit; open where the prior decides, not the data."""
        k = self._index(name)
        if not self.informed[k]:
            return open_ends(self.fit.parameters[k].log, float(self.fit.values[k]))
        found = self.summary(name, level)
        return found.low, found.high

    def derived(self, fn: Callable[[Any], Any], units: Any = "", level: float = 0.95) -> Any:
        """A function of the model over all draws; see `summaries`, `hopf_window`.

        The `share` of the draws in which it exists is, for an oscillation, its probability.
        """
        return summaries(self.fit.problem, self.flat, fn, units, level)

    def statements(self) -> list[str]:
        """What it says, and whether it can be relied on, in plain sentences."""
        lines = []
        if not self.complete:
            lines.append("The sampling was interrupted; these are the draws until then.")
        if self.divergent.any():
            lines.append(
                f"{int(self.divergent.sum())} of {self.divergent.size} draws diverged: the "
                "posterior has a corner or a wall that the chains cannot follow; do not rely on "
                "its tails."
            )
        bad = [n for n, r in zip(self.names, self.r_hat, strict=True) if not r < R_HAT]
        if bad:
            lines.append(
                f"The chains disagree in {', '.join(bad)} (R-hat up to "
                f"{np.nanmax(self.r_hat):.3f}): give more draws, or a Prior where the data leave "
                "something open."
            )
        free = [n for n, fine in zip(self.names, self.informed, strict=True) if not fine]
        if free:
            what = "nothing else does (give prior=)"
            if self.decades is not None:
                what = f"what is drawn is the prior, {self.decades:g} decades round the optimum"
            lines.append(
                f"The data do not decide {', '.join(free)}: {what}, and no interval is given."
            )
        for a, b in self.fit.identifiability.exchanges:
            lines.append(f"Its mirror image with {a} and {b} exchanged is as likely.")
        for name, fine in zip(self.names, self.informed, strict=True):
            if fine:
                lines.append(self.summary(name).statement(name))
        return lines

    def to_xarray(self) -> Any:
        """An `xarray.Dataset` of all draws with units and meanings, over (chain, draw).

        Ready for `to_netcdf(path, engine="scipy")`; attributes hold seed, versions and diagnostics.
        """
        import xarray as xr

        made = provenance_of("posterior", seed=self.seed)
        data = {
            p.name: (("chain", "draw"), self.values[..., k], {"units": p.unit,
                     "long_name": p.meaning, "r_hat": float(self.r_hat[k]),
                     "ess": float(self.ess[k]), "decided_by_the_data": int(self.informed[k])})
            for k, p in enumerate(self.fit.parameters)
        }  # fmt: skip
        data["diverging"] = (
            ("chain", "draw"),
            self.divergent.astype("int8"),
            {"units": "1", "long_name": "whether the trajectory of this draw diverged"},
        )
        attributes = {
            "seed": self.seed,
            "thin": self.thin,
            "accept": self.accept,
            "warmup": self.warmup,
            "prior_decades": np.nan if self.decades is None else self.decades,
            "versions": ", ".join(f"{n} {v}" for n, v in made["versions"].items()),
            "platform": made["platform"],
            "time": made["time"],
        }
        coordinates = {"chain": np.arange(self.z.shape[0]), "draw": np.arange(self.z.shape[1])}
        return xr.Dataset(data, coordinates, attributes)

    def _index(self, name: str) -> int:
        if name not in self.names:
            raise KeyError(f"{name}; there are {', '.join(self.names)}; else derived(function)")
        return self.names.index(name)


def posterior(
    fit: Fit,
    *,
    draws: int = 1000,
    warmup: int = 500,
    chains: int = 4,
    seed: int = 0,
    prior: float | None = 2.0,
    accept: float = ACCEPT,
    patience: int = 3,
    progress: Reporter | None = None,
) -> Posterior:
    """Draw from the posterior of a fit with NUTS (numpyro).

    The chains start within a standard deviation of the optimum, in coordinates in which the
    Gauss-Newton Hessian is the identity, so that little is left to adapt (see `Density`). The
    scale of a noise that is not known is integrated out under Jeffreys' prior; weights taken from
    the model stay those of the optimum. What is known beforehand is a `Prior` among the terms of
    the fit. The same seed gives the same draws on one machine.

    **Arguments:**

    - `draws`, `warmup`: of each of the `chains`.
    - `prior`: standard deviation, in decades, of a weak Gaussian round the optimum in each search
      coordinate, so that what the data leave open has a posterior at all (of a signed parameter
      10^prior times its size); None: flat within the bounds.
    - `accept`: the acceptance that the step size is adapted to; nearer to 1 is slower and safer.
    - `patience`: how often to try for better. While the chains disagree they go on for twice as
      long, and every second draw is kept; where a draw diverges all begins again with a third of
      the rejections. 0: take what comes.
    - `progress`: hears a line now and then. Ctrl-C returns the draws until then.

    **Raises:** `ImportError` without numpyro; `ValueError` for a fit that did not converge, or
    without data for a scale.
    """
    numpyro_here()
    if min(draws, chains) < 1 or warmup < 0 or draws < 4 or not 0 < accept < 1:
        raise ValueError(
            "posterior: needs draws >= 4, chains >= 1, warmup >= 0 and accept between 0 and 1, "
            f"got {draws}, {chains}, {warmup}, {accept}"
        )
    if patience < 0:
        raise ValueError(f"posterior: patience is a number from 0 up, got {patience}")
    if prior is not None and not prior > 0:
        raise ValueError(f"posterior: prior is a number of decades above 0, or None, got {prior}")
    base, say = Likelihood.of(fit), (progress or Silent()).say
    density = Density.of(base, prior)
    run, tried = None, 0
    for tried in range(1 + patience):
        # Nearer to 1 each time: smaller steps follow sharper corners.
        rate = 1 - (1 - accept) / 3**tried
        run = sample(
            density, draws=draws, warmup=warmup, chains=chains, seed=(seed, tried), accept=rate,
            longest=2**patience, say=say,
            chunk=INTEGRATING_CHUNK if base.problem.integrates else CHUNK,
        )  # fmt: skip
        if not run.complete or not run.divergent.any():
            break
        say(f"posterior: {int(run.divergent.sum())} draws diverged at acceptance {rate:.3g}")
    assert run is not None
    spread = run.z.reshape(-1, run.z.shape[-1]).std(axis=0)
    informed = np.asarray(fit.identifiable) & (spread < INFORMED * prior_sd(base, prior))
    r_hat, ess = diagnostics(run.z)
    return Posterior(
        fit, run.z, run.divergent, run.steps, r_hat, ess, prior, informed, warmup, run.thin,
        1 - (1 - accept) / 3**tried, seed, run.complete,
    )  # fmt: skip
