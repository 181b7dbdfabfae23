"""The fit: search from many starts, keep every minimum, and say what the data determine."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import jax
import numpy as np

from fitting.diagnosis.minima import exchanged_lags
from fitting.estimate.outcome import best_of, finish_fit
from fitting.estimate.result import Fit
from fitting.estimate.two_stage import (
    Progress,
    apart,
    as_search,
    joint_search,
    refined,
    within_reach,
)
from fitting.problem.noise import first_guess, reweighted, scales
from fitting.problem.problem import Problem
from fitting.problem.space import MultiStart, Space
from fitting.solvers.host_loop import HostLeastSquares, HostSearch
from fitting.solvers.levenberg_marquardt import LeastSquares
from fitting.solvers.solver import RESULTS, AbstractSolver, Search
from fitting.terms.thinning import thinned
from jaxmem.output.reporter import Reporter, Silent

# Samples of a trace that a search uses, unless it is told otherwise.
THIN = 250
# How often the scales of the noise are estimated anew, with all starts; and at most, from the best
# end until they stay.
NOISE_ROUNDS, MOST_NOISE_ROUNDS = 4, 12


def fit(
    terms: Any | Sequence[Any],
    model: Any,
    space: Space,
    *,
    solver: AbstractSolver | None = None,
    starts: MultiStart | int | None = None,
    seed: int = 0,
    derived: Mapping[str, tuple[str, Callable[[Any], Any]]] | None = None,
    progress: Reporter | None = None,
    lanes: bool | None = None,
    resume: Progress | None = None,
    keep: Callable[[Progress], None] = lambda progress: None,
    thin: int | None = THIN,
    throw: bool = True,
) -> Fit:
    """Least squares of the sum of all terms over a space, from many starts.

    **Arguments:**

    - `terms`: a `Spectrum`, or a list of spectra, traces, curves, priors, goals: anything with
      `residual(model)`.
    - `model`: holds what is fixed, and the middle of the start box where none is given.
    - `space`: what is free.
    - `solver`: `LeastSquares()` (default) or `Descent(...)`.
    - `starts`: a `MultiStart`, or how many; default 24.
    - `seed`: of the starts.
    - `derived`: name to (unit, function of the model), reported with intervals beside the
      parameters; the elements R_a and L_d of slow conductances are always there.
    - `progress`: hears a line at each stage.
    - `lanes`: all starts side by side; default on an accelerator.
    - `keep`: called at each better point of a search with transients, with a `Progress` from which
      `resume` goes on.
    - `thin`: samples of a trace that the search uses at most, edges and extrema among them. From
      where it ends all are fitted; values, intervals and verdicts are theirs. None: all at once.
    - `throw`: raise if the best search did not converge; else the `result` says so.

    With transients (`Trace`) the starts are searched on the other terms first, and few are polished
    on all (see `joint_search`); Ctrl-C then returns the best so far, with
    `RESULTS.interrupted`.

    The noise of a term without sigma, or with an `estimated` one, is found from what is left, in a
    few rounds, and proportional noise is then taken from the model's values.

    **Raises:** `ValueError` for a wrong call (see `Problem.of`); `RuntimeError` if no search
    converged or the residual is nowhere finite.
    """
    say = (progress or Silent()).say
    problem, begin, x_scale = begin_fit(terms, model, space, _starts(starts), seed)
    c = problem.coordinates
    say(f"{len(begin)} starts, {len(c.names)} parameters, {problem.points} numbers")
    host = HostLeastSquares()
    if problem.integrates and (solver is None or isinstance(solver, LeastSquares)):
        again = lambda turn: _starts(starts).draw(c, model, seed + 1000 * turn)
        polish = host if solver is None else replace(host, max_steps=solver.max_steps)
        few = _thinned(problem, space, thin, say)
        problem, found = _joint(problem, few, again, x_scale, polish, say, resume, keep)
    else:
        problem, found = _direct(problem, solver or LeastSquares(), begin, x_scale, lanes)
    best = best_of(found)
    ended = np.asarray(found.result == RESULTS.successful)
    over = bool(found.at(best).result == RESULTS.interrupted)
    if throw and not (over or ended[best]):
        raise RuntimeError(
            f"fit: the best of {len(ended)} searches ended {RESULTS[found.at(best).result]} "
            f"(chi2 {found.chi2[best]:.6g}); give more starts or steps, or throw=False to look"
        )
    say(f"chi2 {found.chi2[best]:.6g}, {int(ended.sum())} of {len(ended)} converged")
    if host.tally.failed:
        say(f"{host.tally.failed} of {host.tally.evaluations} evaluations could not be integrated")
    try:
        exchanged = () if over else _with_lags_exchanged(problem, found, x_scale)
    except KeyboardInterrupt:
        found, exchanged = _interrupted(found), ()
    if exchanged and min(end.chi2 for end in exchanged) < found.chi2[best] * (1 - 1e-6):
        # The exchanged point is the better one: it is an end of the search like the others.
        lower = min(exchanged, key=lambda end: end.chi2)
        before = found.at(best)
        found = jax.tree.map(lambda a, b: np.concatenate([a, [b]]), found, lower)
        exchanged = (before, *(end for end in exchanged if end is not lower))
    end = lambda found: finish_fit(
        problem, found, x_scale, derived, len(begin), [(m.z, float(m.chi2)) for m in exchanged],
        host.tally,
    )  # fmt: skip
    try:
        return end(found)
    except KeyboardInterrupt:
        # What was found is not lost: the report is made without testing the intervals, and says so.
        return end(_interrupted(found))


def _interrupted(found: Search) -> Search:
    best = np.arange(len(found.chi2)) == best_of(found)
    put = lambda new, old: np.where(best, new, old)
    return found._replace(result=jax.tree.map(put, RESULTS.interrupted, found.result))


def _starts(starts: MultiStart | int | None) -> MultiStart:
    if starts is None:
        return MultiStart()
    return MultiStart(starts) if isinstance(starts, int) else starts


def _direct(problem, solver, begin, x_scale, lanes):
    """All starts in one program; again for each estimate of the noise, where there are several."""
    if problem.mixed:
        problem = problem.rescaled(first_guess(problem))
    for turn in range(NOISE_ROUNDS if problem.mixed else 1):
        if turn == 1:
            # A few of the starts are enough to follow the optimum.
            begin = begin[: max(8, len(begin) // 3)]
        try:
            found = problem.search(solver, begin, x_scale, lanes)
        except KeyboardInterrupt:
            if turn == 0:
                raise
            return problem, _interrupted(found)
        best = best_of(found)
        if problem.mixed and turn < NOISE_ROUNDS - 1:
            r, J = (a[0] for a in problem.inspect(found.z[best : best + 1]))
            raw = r * problem.row_scale
            problem = problem.rescaled(scales(problem, r, J))
            problem = reweighted(problem, raw / problem.row_scale)
            begin = np.concatenate([found.z[best : best + 1], begin])[: len(begin)]
    return problem, found


def _thinned(problem, space, thin, say):
    """The problem with fewer samples of its traces, or None if they are few."""
    if thin is None:
        return None
    terms = [thinned(term, thin) for term in problem.terms]
    if all(one is other for one, other in zip(terms, problem.terms, strict=True)):
        return None
    few = Problem.of(terms, problem.model, space)
    say(
        f"the search uses {few.points} of {problem.points} numbers (of each trace at most {thin} "
        "samples, its edges and extrema among them); then all are fitted"
    )
    return few


def _joint(problem, few, again, x_scale, polish, say, resume, keep):
    """The search with transients, and the scales of the noise found at its end.

    With a thinned problem, `few`, the search is its, and all data are fitted from where it ends.
    """
    searched = problem if few is None else few
    searched = searched.rescaled(first_guess(searched))
    exchange = lambda z: exchanged_lags(searched, z)
    ends, cut = joint_search(
        searched, again, x_scale, exchange=exchange, polish=polish, say=say, resume=resume,
        keep=keep,
    )  # fmt: skip
    ends = sorted(ends, key=lambda e: e.chi2)
    searched, ends, cut = _noise_rounds(searched, ends, x_scale, polish, say, cut)
    if few is not None and cut:
        # Who interrupts waits for no further descent.
        problem = problem.rescaled(searched.scales)
        ends = [_looked_at(problem, ends[0].z)]
    elif few is not None:
        problem, ends, cut = _with_all(problem, searched, ends, x_scale, polish, say)
        if not cut:
            problem, ends, cut = _noise_rounds(problem, ends, x_scale, polish, say, cut)
    else:
        problem = searched
    if cut:
        ends[0] = ends[0]._replace(result=RESULTS.interrupted)
    return problem, as_search(ends)


def _with_all(problem, searched, ends, x_scale, polish, say):
    """From the ends of a search on fewer samples, those on all; and whether Ctrl-C cut it short."""
    problem = problem.rescaled(searched.scales)
    near = [e for e in ends if e.chi2 < within_reach(ends)]
    near = [near[k] for k in apart([e.z for e in near], x_scale, 2)] or ends[:1]
    follow = []
    try:
        for k, e in enumerate(near):
            tell = lambda step, x, k=k: say(f"all samples, {k + 1}, step {step}: chi2 {x:.6g}")
            follow.append(polish.search(problem.on_host(), e.z, x_scale, tell))
            follow[-1].unless_interrupted()
    except KeyboardInterrupt:
        if not any(np.isfinite(e.chi2) for e in follow):
            follow = [_looked_at(problem, near[0].z)]
        return problem, sorted(follow, key=lambda e: e.chi2), True
    return problem, sorted(follow, key=lambda e: e.chi2), False


def _looked_at(problem, z) -> HostSearch:
    """Where a search ended that was interrupted, with the residuals of all samples there."""
    r, J = (a[0] for a in problem.inspect(z[None]))
    return HostSearch(z, float(r @ r), RESULTS.interrupted, 0, r, J)


def _noise_rounds(problem, ends, x_scale, polish, say, cut):
    """The noise that the best end leaves, and the ends that follow it; whether it was cut short."""
    if cut or not np.isfinite(ends[0].chi2):
        return problem, ends, cut
    for turn in range(MOST_NOISE_ROUNDS):
        try:
            better, follow = _next_noise(problem, ends, x_scale, polish)
        except KeyboardInterrupt:
            return problem, ends, True
        before, problem, ends = problem.scales, better, follow
        say(f"noise, round {turn + 1}: chi2 {ends[0].chi2:.6g}")
        if np.abs(np.log(problem.scales / before)).max() < 0.01:
            return problem, ends, cut
    say(f"the noise still changes after {MOST_NOISE_ROUNDS} rounds: intervals are of the last")
    return problem, ends, cut


def _next_noise(problem, ends, x_scale, polish):
    """The problem with the noise that its best end leaves, and the ends that followed."""
    top = ends[0]
    raw = top.r * problem.row_scale
    if any(problem.estimated):
        problem = problem.rescaled(scales(problem, top.r, top.J))
    problem = reweighted(problem, raw / problem.row_scale)
    # What may still be as good with the new weights follows, the rest stays behind.
    near = [e for e in ends if e.chi2 < within_reach(ends)]
    near = [near[k] for k in apart([e.z for e in near], x_scale, 3)]
    follow = []
    for e in near:
        follow.append(polish.search(problem.on_host(), e.z, x_scale).unless_interrupted())
    return problem, sorted(follow, key=lambda e: e.chi2)


def _with_lags_exchanged(problem, found, x_scale) -> tuple[Search, ...]:
    """Refits from the best point with tau_d and f tau_k exchanged."""
    best = best_of(found)
    z, ends = found.z[best], []
    for begin in exchanged_lags(problem, z):
        if problem.integrates:
            begin = refined(problem, [begin], x_scale)[0]
            end = HostLeastSquares().search(problem.on_host(), begin, x_scale)
            ends.append(end.unless_interrupted().search)
        else:
            ends.append(problem.search(LeastSquares(), begin[None], x_scale).at(0))
    other = lambda end: np.abs((end.z - z) / x_scale).max() > 0.02
    return tuple(end for end in ends if np.isfinite(end.chi2) and other(end))


def begin_fit(terms, model, space, starts: MultiStart, seed: int):
    """The problem, where its searches start, and the natural length of each coordinate."""
    problem = Problem.of(terms, model, space)
    begin = starts.draw(problem.coordinates, model, seed)
    low, high = starts.ranges(problem.coordinates, model)
    return problem, begin, problem.natural_lengths(begin[0], high - low)
