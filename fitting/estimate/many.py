"""Thousands of spectra, one model and one set of free parameters, in one compiled program."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

from fitting.diagnosis.covariance import DECADE, WIDEST, uncertainties
from fitting.diagnosis.minima import exchanges
from fitting.diagnosis.nonlinearity import NARROW, find_nonlinearity_of_many
from fitting.problem.order import order_of
from fitting.problem.problem import Problem
from fitting.problem.space import Coordinates, MultiStart, Space
from fitting.solvers.levenberg_marquardt import LeastSquares
from fitting.solvers.pool import LANES, pooled
from fitting.solvers.residual_parts import Parts
from fitting.solvers.solver import RESULTS, AbstractSolver
from fitting.terms.spectrum import Spectrum
from fitting.terms.spectrum_batch import BUCKET, SpectrumBatch, bias_of, fields_of

# Spectra that go through one call of the program: any number of them shares it.
CHUNK = 1024
Starts = MultiStart | int | ArrayLike | Callable[..., Any]


class FitMany(eqx.Module):
    """The result of `fit_many`: arrays with one row a spectrum, in their order.

    - `names`, `units`, `log`: of the parameters, as in `Fit`.
    - `values`, `low`, `high`: in their units, and the ends of their 68 % intervals, shape
      `(spectra, p)`; `z`, `standard_errors`, `covariance`: in search coordinates, the last of
      shape `(spectra, p, p)`. Infinite errors where the data do not feel a parameter.
    - `identifiable`: whether the data determine a parameter to a factor of two each way, shape
      `(spectra, p)`, as in `Fit` (wide intervals are tried, too), but for one thing: a second
      minimum as good as the best is not looked for.
    - `chi2`, `noise`, `points`, `relative_rms_residual`: as in `Fit`, shape `(spectra,)`.
    - `result`: `RESULTS`, how the best search of each ended; where it is `start_not_finite` no
      search found a finite residual, and the row is NaN. `converged`: how many searches
      converged. `steps`: trial steps of all searches.
    """

    names: tuple[str, ...]
    units: tuple[str, ...]
    log: tuple[bool, ...]
    values: np.ndarray
    low: np.ndarray
    high: np.ndarray
    z: np.ndarray
    standard_errors: np.ndarray
    covariance: np.ndarray
    identifiable: np.ndarray
    chi2: np.ndarray
    noise: np.ndarray
    points: np.ndarray
    relative_rms_residual: np.ndarray
    result: RESULTS
    converged: np.ndarray
    steps: np.ndarray

    def __len__(self) -> int:
        return len(self.chi2)

    def __getitem__(self, name: str) -> np.ndarray:
        """The values of one parameter, shape `(spectra,)`."""
        if name not in self.names:
            raise KeyError(f"{name}; there are {', '.join(self.names)}")
        return self.values[:, self.names.index(name)]

    @property
    def ok(self) -> np.ndarray:
        """Whether the best search of each spectrum converged, shape `(spectra,)`."""
        return np.asarray(self.result == RESULTS.successful)


def fit_many(
    spectra: Sequence[Spectrum],
    model: Any,
    space: Space,
    *,
    starts: Starts = 24,
    solver: AbstractSolver | None = None,
    seed: int = 0,
    lanes: bool | None = None,
) -> FitMany:
    """Fit one model to every spectrum by itself, all in one compiled program.

    The numbers are those of `fit` on each spectrum; reasons in words, minima and derived
    quantities are left to it. Spectra may differ in length, bias and noise.

    **Arguments:**

    - `spectra`: any number of `Spectrum`.
    - `model`, `space`: what is fixed and what is free, the same for all.
    - `starts`: a `MultiStart`, or how many starts, from one box for all; or search vectors,
      shape `(spectra, starts, p)`, all of them starts and no others; or a function called as
      `starts(spectrum=s)` that gives a `MultiStart`, or a box by name or a `Setup`
      (`functools.partial(element_model, "2d")`), from which 24 starts are drawn.
    - `solver`: `LeastSquares()` (default) or another.
    - `seed`: of the starts; spectrum k draws with `seed + k` where boxes differ.
    - `lanes`: spectra side by side; default on an accelerator. On a CPU one after the other is
      faster, because lanes wait for the slowest.

    **Raises:** `ValueError` for no spectra, something else among them, starts of a wrong shape,
    and as `fit` does. A spectrum whose searches all fail costs that spectrum, not the others.
    """
    spectra = list(spectra)
    if not spectra:
        raise ValueError("fit_many: no spectra")
    for k, s in enumerate(spectra):
        if not isinstance(s, Spectrum):
            raise ValueError(f"fit_many: item {k} is a {type(s).__name__}, not a Spectrum")
    solver = LeastSquares() if solver is None else solver
    lanes = jax.default_backend() != "cpu" if lanes is None else lanes
    fields = [fields_of(s) for s in spectra]
    lengths = np.array([len(s["freq"]) for s in fields])
    groups: dict[Any, list[int]] = {}
    for k, s in enumerate(fields):
        key = (bias_of(s)[0], s["branch"], -(-lengths[k] // BUCKET))
        groups.setdefault(key, []).append(k)
    # One spectrum of each group has the calls checked that `fit` checks.
    problems = [Problem.of(spectra[members[0]], model, space) for members in groups.values()]
    c = problems[0].coordinates
    points = 2 * lengths
    if (points < len(c.names)).any():
        k = int(np.argmax(points < len(c.names)))
        raise ValueError(
            f"{spectra[k].name}: {points[k]} numbers cannot determine {len(c.names)} parameters "
            f"({', '.join(c.names)}); give more data or fix some"
        )
    begin, x_scale = _starts(starts, spectra, c, model, problems[0], seed)
    rows: dict[str, Any] = {}
    for members in groups.values():
        for at in range(0, len(members), CHUNK):
            part = np.array(members[at : at + CHUNK])
            group = [spectra[k] for k in part]
            found = _run(group, model, c, solver, begin[part], x_scale[part], lanes)
            shape = lambda a: np.zeros((len(spectra), *a.shape[1:]), a.dtype)
            rows = rows or jax.tree.map(shape, found)
            jax.tree.map(lambda rows, a, part=part: rows.__setitem__(part, a), rows, found)
    known = np.array(
        [s["sigma"] is not None and (s["noise"] is None or s["noise"].known) for s in fields]
    )
    _put_in_order(c, model, rows)
    result = _result(c, rows, points, known, x_scale, exchanges(problems[0]))
    return _tried(result, groups.values(), spectra, model, c, x_scale, lanes)


def _tried(result, groups, spectra, model, c: Coordinates, x_scale, lanes) -> FitMany:
    """The same without the intervals that the likelihood does not bear out."""
    wide = ~(result.standard_errors <= NARROW * x_scale).all(axis=1) & result.identifiable.any(
        axis=1
    )
    fine = np.array(result.identifiable)
    for members in groups:
        doubtful = [k for k in members if wide[k]]
        for at in range(0, len(doubtful), CHUNK):
            part = np.array(doubtful[at : at + CHUNK])
            row = lambda a, part=part: a[part]
            fine[part] &= ~find_nonlinearity_of_many(
                [spectra[k] for k in part], model, c, row(result.z), row(result.chi2),
                row(result.standard_errors), row(x_scale), row(result.noise), lanes,
            )  # fmt: skip
    return eqx.tree_at(lambda r: r.identifiable, result, fine)


def _starts(starts, spectra, c: Coordinates, model, problem: Problem, seed: int):
    """Search vectors `(spectra, starts, p)`, and the natural lengths `(spectra, p)`."""
    if isinstance(starts, int):
        starts = MultiStart(starts)
    shape = (len(spectra), len(c.names))
    if isinstance(starts, MultiStart):
        begin = starts.draw(c, model, seed)
        low, high = starts.ranges(c, model)
        x_scale = problem.natural_lengths(begin[0], high - low)
        return np.broadcast_to(begin, (len(spectra), *begin.shape)), np.broadcast_to(x_scale, shape)
    if callable(starts):
        rows, limits = [], []
        for k, s in enumerate(spectra):
            box: Any = starts(spectrum=s)
            own = getattr(box, "model", model)
            draw = box if isinstance(box, MultiStart) else MultiStart(box=getattr(box, "box", box))
            low, high = draw.ranges(c, own)
            rows.append(draw.draw(c, own, seed + k))
            limits.append(problem.natural_lengths(rows[-1][0], high - low))
        return np.stack(rows), np.stack(limits)
    begin = np.asarray(starts, dtype=float)
    if begin.ndim != 3 or begin.shape[::2] != shape or begin.shape[1] == 0:
        raise ValueError(
            f"fit_many: starts must have shape (spectra, starts, parameters), here "
            f"({shape[0]}, any, {shape[1]}), got {begin.shape}"
        )
    if not np.isfinite(begin).all():
        raise ValueError("fit_many: starts must be finite; they are search vectors, ln|p| or p")
    low, high = MultiStart().ranges(c, model)
    begin = np.clip(begin, c.low, c.high)
    return begin, problem.natural_lengths(begin[:, 0], high - low)


def _run(spectra, model, c, solver, begin, x_scale, lanes) -> dict[str, Any]:
    """One chunk through the program, padded to a power of two in spectra and in starts."""
    count, tries = begin.shape[:2]
    size, width = max(16, 1 << (count - 1).bit_length()), 1 << (tries - 1).bit_length()
    fill = lambda a: np.concatenate([a, np.repeat(a[-1:], size - count, axis=0)])
    begin = np.concatenate([begin, np.repeat(begin[:, -1:], width - tries, axis=1)], axis=1)
    batch = SpectrumBatch.of(spectra + spectra[-1:] * (size - count))
    found = _many_jit(
        batch, model, c, solver, fill(begin), fill(x_scale), jnp.asarray(count),
        jnp.asarray(tries), lanes,
    )  # fmt: skip
    return jax.tree.map(lambda a: np.asarray(a)[:count], found)


@eqx.filter_jit
def _many_jit(batch, model, coordinates, solver, begin, x_scale, count, tries, lanes):
    bounds = jnp.asarray(coordinates.low), jnp.asarray(coordinates.high)
    always = count >= 0

    def residual(data, always):
        data = jax.tree.map(lambda x: x[None], data)
        return Parts(lambda z: data.parts(coordinates.unpack(z, model)), always)

    def searched(row):
        data, begin, x_scale = row
        search = lambda z: solver.search(residual(data, always), z, *bounds, x_scale)
        ends = jax.vmap(search)(begin) if lanes else jax.lax.map(search, begin)
        real = jnp.arange(len(begin)) < tries
        usable = real & jnp.isfinite(ends.chi2) & (ends.result != RESULTS.start_not_finite)
        k = jnp.argmin(jnp.where(usable, ends.chi2, jnp.inf))
        lost = ~jnp.any(usable)
        best = jax.tree.map(lambda a: a[k], ends)
        return dict(
            z=best.z, chi2=best.chi2,
            result=RESULTS.where(lost, RESULTS.start_not_finite, best.result),
            steps=jnp.sum(jnp.where(real, ends.steps, 0)),
            converged=jnp.sum(real & (ends.result == RESULTS.successful)),
        )  # fmt: skip

    def measured(row):
        """The triangle of the Jacobian at the optimum, and sum(|dZ|^2/|Z|^2)."""
        data, z = row
        rows = residual(data, always).rows(z)
        weight = jnp.concatenate([data.weight_re, data.weight_im])
        square = data.Z_re**2 + data.Z_im**2
        apart = jnp.where(weight > 0, rows[-1] / jnp.where(weight > 0, weight, 1.0), 0.0)
        relative = jnp.sum(apart**2 / jnp.concatenate([square, square]))
        return dict(relative=relative, R=_triangle(rows[:-1]))

    if lanes:
        found = jax.vmap(searched)((batch, begin, x_scale))
        return found | jax.vmap(measured)((batch, found["z"]))
    if isinstance(solver, LeastSquares):
        found = pooled(solver, residual, batch, begin, x_scale, bounds, count, tries)
    else:
        found = jax.lax.map(searched, (batch, begin, x_scale))
    return found | jax.lax.map(measured, (batch, found["z"]), batch_size=LANES)


def _triangle(J: Float[Array, "p m"]) -> Float[Array, "p p"]:
    """R of J^T = Q R, by modified Gram-Schmidt: as accurate as Householder's, and unrolled."""
    rows, R = list(J), []
    for i in range(len(rows)):
        length = jnp.sqrt(rows[i] @ rows[i])
        unit = rows[i] / jnp.where(length > 0, length, 1.0)
        dots = [unit @ row for row in rows[i + 1 :]]
        for j, dot in enumerate(dots, start=i + 1):
            rows[j] = rows[j] - dot * unit
        R.append(jnp.stack([jnp.zeros_like(length)] * i + [length, *dots]))
    return jnp.stack(R)


def _put_in_order(c: Coordinates, model, rows) -> None:
    """Interchangeable parts of the model in one order, as in `fit`: a trend along the spectra is
    no part that has become another."""
    order = order_of(c, model, rows["z"])
    moved = (order != np.arange(len(c.names))).any(axis=1)
    if moved.any():
        rows["z"][moved] = np.take_along_axis(rows["z"][moved], order[moved], axis=1)
        R = np.take_along_axis(rows["R"][moved], order[moved][:, None, :], axis=2)
        rows["R"][moved] = np.linalg.qr(np.where(np.isfinite(R), R, 0.0), mode="r")


def _result(c: Coordinates, rows, points, known, x_scale, pairs) -> FitMany:
    log, z = np.asarray(c.log), rows["z"]
    lost = np.asarray(rows["result"] == RESULTS.start_not_finite)
    for one, two in pairs:
        # Of two that the data cannot tell apart the first is the larger, as in `fit`.
        a, b = c.names.index(one), c.names.index(two)
        swap, both = z[:, a] < z[:, b], [a, b]
        z[np.ix_(swap, both)] = z[np.ix_(swap, both[::-1])]
        R = rows["R"][swap]
        R[:, :, both] = R[:, :, both[::-1]]
        rows["R"][swap] = np.linalg.qr(R, mode="r")
    noise = np.where(known, 1.0, np.sqrt(rows["chi2"] / np.maximum(points - len(log), 1)))
    R = np.where(np.isfinite(rows["R"]).all(axis=(1, 2), keepdims=True), rows["R"], 0.0)
    noise = np.where(lost, 1.0, noise)
    covariance, share = uncertainties(R, noise, np.where(log, DECADE, x_scale))
    error = np.sqrt(np.diagonal(covariance, axis1=1, axis2=2))
    # The rule of `fitting.diagnosis.minima.verdicts`.
    wide = np.where(log, error > WIDEST, error > 9 * np.maximum(np.abs(z), x_scale))
    identifiable = np.isfinite(error) & ~wide & ~(share > 0.3)
    for one, two in pairs:
        a, b = c.names.index(one), c.names.index(two)
        for k in (a, b):
            mirrored = np.abs(z[:, a] - z[:, b]) > np.maximum(error[:, k], 1e-3 * x_scale[:, k])
            identifiable[:, k] &= ~mirrored
    with np.errstate(invalid="ignore"):
        ends = [c.to_values(np.clip(z + sign * error, c.low, c.high)) for sign in (-1, 1)]
    blank = lambda a: np.where(lost.reshape(-1, *[1] * (a.ndim - 1)), math.nan, a)
    return FitMany(
        names=c.names, units=c.units, log=c.log, values=blank(c.to_values(z)),
        low=blank(np.minimum(*ends)), high=blank(np.maximum(*ends)), z=blank(z),
        standard_errors=blank(error), covariance=blank(covariance),
        identifiable=identifiable & ~lost[:, None], chi2=blank(rows["chi2"]), noise=blank(noise),
        points=points, relative_rms_residual=blank(np.sqrt(rows["relative"] / points)),
        result=rows["result"], converged=rows["converged"], steps=rows["steps"],
    )  # fmt: skip
