"""The search where some terms integrate in time: many starts on what is cheap, few on all."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import NamedTuple

import jax
import numpy as np

from fitting.problem.problem import Problem
from fitting.solvers.host_loop import HostLeastSquares, HostSearch
from fitting.solvers.levenberg_marquardt import LeastSquares
from fitting.solvers.solver import RESULTS, Search

# Of the ends of the first stage (the terms that do not integrate) so many are ranked by all terms,
# and so many of these are polished on all.
RANKED = 8
POLISHED = 3
# The terms that integrate can only add to chi2. So an end whose chi2 without them already exceeds
# the best chi2 so far, times the first number plus the second, cannot win and is not polished. The
# margin is for the noise, which is known better afterwards.
STILL_POSSIBLE = (2.0, 100.0)
# If chi2 over its degrees of freedom exceeds this at the best end, other starts are drawn, and so
# often at most.
POOR_CHI2 = 3.0
DRAWS = 3
# How long nothing is said of a search that goes on [s].
PAUSE = 2.0


class Progress(NamedTuple):
    """How far a search has come: what `resume` needs.

    - `candidates`: search vectors to polish, the most promising first; `done`: those that are, with
      chi2 and result; `best`: the best point so far. `round`: how many draws of starts there were.
    """

    round: int
    candidates: list[list[float]]
    done: list[tuple[list[float], float, str]]
    best: tuple[list[float], float] | None


def joint_search(
    problem: Problem,
    draw: Callable[[int], np.ndarray],
    x_scale: np.ndarray,
    *,
    exchange: Callable[[np.ndarray], list[np.ndarray]] = lambda z: [],
    polish: HostLeastSquares | None = None,
    best: int = POLISHED,
    say: Callable[[str], None] = lambda line: None,
    resume: Progress | None = None,
    keep: Callable[[Progress], None] = lambda progress: None,
) -> tuple[list[HostSearch], bool]:
    """Search from many starts, and polish the best ends one after the other.

    First stage: all starts descend on the terms that do not integrate in time, which cost
    microseconds; on logarithms of the data, which lead from far away, then on the residuals.
    Second stage: the ends are ranked by the chi2 of all terms, and at most `best` distinct ones
    descend on all terms. An end whose chi2 of the first stage alone is too far above the best is
    left out, because the other terms can only add to it. If the best chi2 is far above its degrees
    of freedom, and only one end reached it, other starts are drawn.

    **Arguments:**

    - `draw`: the starts of a round, shape `(n, parameters)`.
    - `exchange`: other points that may explain the data as well as a given one.
    - `keep`: called with a `Progress` at each better point; `resume`: such a one.

    **Returns:** every polished end, and whether Ctrl-C cut the search short.

    **Raises:** `RuntimeError` if the residual is finite at none of the starts; `KeyboardInterrupt`
    if there is no end yet.
    """
    polish = polish or HostLeastSquares()
    ends: list[HostSearch] = []
    freedom = max(problem.points - len(x_scale), 1)
    first, waiting = 0, []
    if resume is not None:
        first = resume.round
        waiting = [np.asarray(z) for z in resume.candidates]
        for z, _, _ in resume.done:
            waiting.insert(0, np.asarray(z))
        if resume.best is not None:
            waiting.insert(0, np.asarray(resume.best[0]))
    try:
        for turn in range(first, DRAWS):
            candidates, floors = waiting, [0.0] * len(waiting)
            if not candidates:
                candidates, floors = _candidates(problem, draw(turn), x_scale, best, polish, say)
            waiting = []
            keep(Progress(turn, _plain(candidates), _done(ends), None))
            for k, z in enumerate(candidates):
                if any(_near(z, e.z, x_scale) for e in ends) or floors[k] > within_reach(ends):
                    continue
                rest, done = _plain(candidates[k + 1 :]), _done(ends)

                def better(z, chi2, rest=rest, done=done, turn=turn):
                    keep(Progress(turn, rest, done, (z.tolist(), float(chi2))))

                tell = _now_and_then(say, f"polishing {k + 1}")
                lost = lambda before, chi2: _hopeless(ends, freedom, before, chi2)
                ends.append(polish.search(problem.on_host(), z, x_scale, tell, better, lost))
                ends[-1].unless_interrupted()
            if not ends:
                continue
            top = min(ends, key=lambda e: e.chi2)
            for z in refined(problem, exchange(top.z), x_scale) if np.isfinite(top.chi2) else ():
                ends.append(polish.search(problem.on_host(), z, x_scale))
                ends[-1].unless_interrupted()
            top = min(ends, key=lambda e: e.chi2)
            same = sum(e.chi2 < top.chi2 * 1.001 + 0.1 for e in ends)
            # The scales of the noise are not known yet: two ends that agree count for more.
            informed = problem.cheap() is not None
            if top.chi2 <= POOR_CHI2 * freedom or (same >= 2 and informed):
                break
            say(f"chi2 {top.chi2:.4g} for {freedom} degrees of freedom: other starts")
    except KeyboardInterrupt:
        if not any(np.isfinite(e.chi2) for e in ends):
            raise
        return ends, True
    if not ends:
        raise RuntimeError(
            "fit: the residual is not finite at any of the starts; check units, the start box and "
            "the data"
        )
    return ends, False


def _now_and_then(say: Callable[[str], None], stage: str) -> Callable[[int, float], None]:
    """Says how far a search has come, at its first step and then after some seconds again."""
    last = -np.inf

    def tell(step: int, chi2: float) -> None:
        nonlocal last
        if time.monotonic() >= last + PAUSE:
            last = time.monotonic()
            say(f"{stage}, step {step}: chi2 {chi2:.6g}")

    return tell


def _hopeless(ends: list[HostSearch], freedom: int, before: float, chi2: float) -> bool:
    """Whether a search is far above an end that is good already, and hardly gets nearer.

    Far from the data a device may oscillate thousands of times in a trace, and cost as much.
    """
    good = min((e.chi2 for e in ends), default=np.inf) <= POOR_CHI2 * freedom
    return good and chi2 > within_reach(ends) and chi2 > before / 2


def within_reach(ends: list[HostSearch]) -> float:
    """The chi2 up to which an end may still be the best, when the noise is known better."""
    least = min((e.chi2 for e in ends), default=np.inf)
    return STILL_POSSIBLE[0] * least + STILL_POSSIBLE[1]


def refined(problem: Problem, rows: list[np.ndarray], x_scale: np.ndarray) -> list[np.ndarray]:
    """Points after a descent on what costs microseconds, if that is enough to descend on."""
    cheap = _informed(problem)
    if cheap is None or not rows:
        return rows
    found = cheap.search(LeastSquares(max_steps=40), np.stack(rows), x_scale, far=False)
    return [
        z if np.isfinite(c) else row for z, c, row in zip(found.z, found.chi2, rows, strict=True)
    ]


def _informed(problem: Problem) -> Problem | None:
    """The cheap terms, if they say something about most parameters."""
    cheap = problem.cheap()
    few = cheap is None or np.sum(cheap.owner >= 0) < len(problem.coordinates.names) // 2
    return None if few else cheap


def _plain(rows) -> list[list[float]]:
    return [np.asarray(z).tolist() for z in rows]


def _done(ends: list[HostSearch]) -> list[tuple[list[float], float, str]]:
    return [(e.z.tolist(), e.chi2, RESULTS[e.result]) for e in ends]


def _candidates(problem, begin, x_scale, best, polish, say) -> tuple[list[np.ndarray], list[float]]:
    """Distinct points worth descending from, the most promising first, and what bounds their chi2
    from below."""
    cheap = _informed(problem)
    if cheap is not None:
        solver = LeastSquares(max_steps=40)
        # The two programs compile side by side: together they take most of the first fit's time.
        other = ThreadPoolExecutor(1)
        try:
            other.submit(_compile, problem)
            far = cheap.search(solver, begin, x_scale, far=True)
            usable = np.isfinite(far.chi2)
            if not usable.any():
                return [], []
            near = cheap.search(solver, far.z[usable], x_scale, far=False)
            other.shutdown(wait=True)
        finally:
            # Ctrl-C does not wait for a program that nobody needs any more.
            other.shutdown(wait=False, cancel_futures=True)
        order = np.argsort(np.where(np.isfinite(near.chi2), near.chi2, np.inf))
        say(f"{len(begin)} starts on the terms without transients: chi2 {near.chi2[order[0]]:.4g}")
        pool = apart(near.z[order], x_scale, RANKED)
        costs = _costs(problem, near.z[order][pool])
        ranked = [order[pool[k]] for k in np.argsort(costs, kind="stable") if np.isfinite(costs[k])]
        least = np.where(near.result == RESULTS.successful, near.chi2, 0.0)
        floors = [float(least[k]) for k in ranked]
        return [near.z[k] for k in ranked[:best]], floors[:best]
    costs = _costs(problem, begin, far=True)
    order = [k for k in np.argsort(costs, kind="stable") if np.isfinite(costs[k])]
    say(f"{len(order)} of {len(begin)} starts can be integrated")
    pool = [begin[order[k]] for k in apart(begin[order], x_scale, 2 * RANKED)]
    # With transients alone a start says little: a few steps from each show which are promising,
    # in logarithms, because most are decades away.
    short = replace(polish, max_steps=15, clip=1.0)
    ends: list[HostSearch] = []
    for z in pool:
        ends.append(short.search(problem.on_host(far=True), z, x_scale).unless_interrupted())
    rows = [e.z for e in ends if np.isfinite(e.chi2)]
    kept = [rows[k] for k in apart(rows, x_scale, len(rows))]
    costs = _costs(problem, kept, far=True)
    kept = [kept[k] for k in np.argsort(costs, kind="stable") if np.isfinite(costs[k])][: best + 1]
    return kept, [0.0] * len(kept)


def _compile(problem: Problem) -> None:
    # A context manager's double precision is not that of other threads: then it compiles in turn.
    if jax.config.jax_enable_x64:  # pyright: ignore[reportAttributeAccessIssue]
        problem.compile()


def _costs(problem, rows, far: bool = False) -> np.ndarray:
    # With their derivatives, which are not needed: a program of its own for the values takes
    # longer to compile than it saves.
    if not len(rows):
        return np.zeros(0)
    r, J = problem.inspect(np.stack(rows))
    if far:
        r = np.stack([problem.compressed(*pair)[0] for pair in zip(r, J, strict=True)])
    cost = np.sum(r**2, axis=1)
    return np.where(np.isfinite(cost), cost, np.inf)


def apart(rows, x_scale, most) -> list[int]:
    """Which of the rows, the first ones first, lie apart."""
    kept: list[int] = []
    for k, z in enumerate(rows):
        if len(kept) == most:
            break
        if all(np.abs((z - rows[other]) / x_scale).max() > 0.02 for other in kept):
            kept.append(k)
    return kept


def _near(a, b, x_scale) -> bool:
    return bool(np.abs((a - b) / x_scale).max() < 1e-3)


def as_search(ends: list[HostSearch]) -> Search:
    """Ends of the host loop as what a search from many starts returns."""
    return jax.tree.map(lambda *rows: np.stack(rows), *(e.search for e in ends))
