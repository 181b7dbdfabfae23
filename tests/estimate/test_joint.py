"""Joint fits: known truths found again, noise found, interrupted searches resumed."""

from types import SimpleNamespace

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from interrupting import interrupt_at
from listening import Heard

import jaxmem as jm
from benchmarks.problems import studies
from benchmarks.problems.studies import LETTERS, SPACE, draw_study, starts_around, truth_of
from fitting import (
    RESULTS,
    MultiStart,
    On,
    Prior,
    Space,
    Spectrum,
    SteadyCurve,
    absolute,
    estimated,
    fit,
    identifiability,
    memristor_model,
    proportional,
)
from fitting.estimate import single
from fitting.problem.problem import Problem
from fitting.solvers.host_loop import HostLeastSquares, HostSearch
from fitting.solvers.residual_parts import HostResidual
from fitting.study.checks import check_study

SEED = 41


def misses(result, device):
    """How many standard errors each parameter is from the truth."""
    return (result.z - truth_of(result, device)) / result.standard_errors


@pytest.mark.slow
def test_studies_are_recovered_whatever_noise_was_said():
    inside = counted = 0
    for k in range(6):
        rng = np.random.default_rng([SEED, k])
        wrong = 5.0 ** rng.uniform(-1, 1, 6) if k % 2 else None
        terms, device = draw_study(rng, wrong=wrong)
        result = fit(terms, device, SPACE, starts=starts_around(rng, device), seed=k)
        best = fit(terms, device, SPACE, starts=MultiStart(0))
        assert result.ok and result.bic < best.bic + 0.1, k
        off = misses(result, device)[result.identifiable]
        assert np.abs(off).max() < 5
        inside += int(np.sum(np.abs(off) < 1.96))
        counted += len(off)
        if wrong is not None:
            # What was said of the noise was wrong by these factors.
            found = np.array([t.scale for t in result.terms])
            np.testing.assert_allclose(found * wrong, 1.0, atol=0.35)
    # 95 % of 42 is 40 with a deviation of 1.4; the benchmark counts hundreds.
    assert inside >= counted - 8


@pytest.mark.slow
def test_starts_read_off_the_data_find_it_too():
    rng = np.random.default_rng([SEED, 0])
    terms, device = draw_study(rng)
    model, space, box = memristor_model("3d", terms, lead=False)
    result = fit(terms, model, space, starts=MultiStart(64, box))
    best = fit(terms, device, space, starts=MultiStart(0))
    assert result.bic < best.bic + 0.1
    for name in LETTERS:
        k = result.names.index(name)
        low, high = sorted(box[name])
        assert low < float(getattr(device, name)) < high, name
        assert not result.identifiable[k] or np.isfinite(result.low[k])
    kinds = [t.kind for t in result.terms]
    assert kinds == ["Spectrum"] * 3 + ["Trace"] * 3
    assert not any(t.structured for t in result.terms)


@pytest.mark.slow
def test_a_misfit_is_seen_as_structure():
    rng = np.random.default_rng([SEED, 0])
    terms, device = draw_study(rng)
    loop = terms[3]
    warped = eqx.tree_at(
        lambda t: t.observed, loop,
        loop.observed * (1 + 0.1 * np.sin(6 * np.pi * loop.t / loop.t[-1])),
    )  # fmt: skip
    result = fit(
        [*terms[:3], warped, *terms[4:]],
        device,
        SPACE,
        starts=MultiStart(0),
        throw=False,
    )
    assert result.terms[3].structured and not result.terms[4].structured


class Stop(Heard):
    """Stands for Ctrl-C at the n-th step."""

    def __init__(self, at):
        super().__init__()
        self.left = at

    def say(self, line):
        if "step" in line:
            self.left -= 1
            if self.left == 0:
                raise KeyboardInterrupt


@pytest.fixture(scope="module")
def searched():
    """A study, its starts, and the fit from these."""
    rng = np.random.default_rng([SEED, 3])
    terms, device = draw_study(rng)
    starts = starts_around(rng, device, n=16)
    return terms, device, starts, fit(terms, device, SPACE, starts=starts, seed=5)


@pytest.mark.usefixtures("every_step")
def test_an_interrupted_search_gives_its_best_and_goes_on(searched):
    terms, device, starts, whole = searched
    kept = []
    part = fit(terms, device, SPACE, starts=starts, progress=Stop(2), keep=kept.append, throw=False)
    assert part.result == RESULTS.interrupted and not part.ok
    assert "interrupted" in part.statements()[0]
    assert part.chi2 < np.inf and kept
    rest = fit(terms, device, SPACE, starts=starts, resume=kept[-1])
    assert rest.ok and rest.bic == pytest.approx(whole.bic, abs=0.05)
    np.testing.assert_allclose(rest.z, whole.z, atol=0.2 * whole.standard_errors.max())


def test_an_interrupted_search_on_few_samples_does_not_go_on_with_all(searched, monkeypatch):
    *_, whole = searched
    problem = whole.problem
    x_scale = problem.natural_lengths(whole.z)
    r, J = (a[0] for a in problem.inspect(whole.z[None]))
    end = HostSearch(whole.z, float(r @ r), RESULTS.steps_exhausted, 1, r, J)
    monkeypatch.setattr(single, "joint_search", lambda *a, **k: ([end], True))
    monkeypatch.setattr(HostLeastSquares, "search", None)
    say = keep = lambda *said: None
    given = (problem, problem, None, x_scale, HostLeastSquares(), say, None, keep)
    _, found = single._joint(*given)
    assert found.at(0).result == RESULTS.interrupted
    np.testing.assert_array_equal(found.z, whole.z[None])


@pytest.mark.quick
@pytest.mark.parametrize("needed, rounds, stays", [(1, 2, True), (7, 8, True), (30, 12, False)])
def test_the_noise_is_estimated_until_it_stays(monkeypatch, needed, rounds, stays):
    """Of made-up scales, which go on moving by more than a hundredth, and then stay."""
    guess = lambda k: SimpleNamespace(scales=np.array([1.0 + 0.5 * (k < needed) * 0.9**k]))
    end, said, turn = SimpleNamespace(chi2=1.0), [], iter(range(1, 99))
    monkeypatch.setattr(single, "_next_noise", lambda *given: (guess(next(turn)), [end]))
    found = single._noise_rounds(guess(0), [end], None, None, said.append, False)
    assert found[1:] == ([end], False)
    assert sum("round" in line and "chi2" in line for line in said) == rounds
    assert ("still changes" in said[-1]) is not stays


def test_the_same_seed_gives_the_same_bits(searched):
    terms, device, starts, one = searched
    two = fit(terms, device, SPACE, starts=starts, seed=5)
    np.testing.assert_array_equal(one.z, two.z)


def test_a_start_whose_integration_fails_costs_a_start(monkeypatch):
    """A failure is forced: beyond a value of tau_d nothing is finite."""
    rng = np.random.default_rng([SEED, 3])
    terms, device = draw_study(rng)
    whole = fit(terms, device, SPACE, starts=MultiStart(0))
    k = whole.names.index("tau_d")
    inspect = Problem.inspect

    def failing(self, z):
        r, J = inspect(self, z)
        bad = z[:, k] > whole.z[k] + 0.5
        return np.where(bad[:, None], np.nan, r), np.where(bad[:, None, None], np.nan, J)

    monkeypatch.setattr(Problem, "inspect", failing)
    result = fit(terms, device, SPACE, starts=starts_around(rng, device))
    assert result.ok and result.chi2 == pytest.approx(whole.chi2, rel=1e-4)
    # From just inside, a first step that leads beyond is taken back.
    problem = whole.problem
    begin = np.array(whole.z)
    begin[k] += 0.45
    x_scale = problem.natural_lengths(begin)
    end = HostLeastSquares().search(problem.on_host(), begin, x_scale)
    assert end.result == RESULTS.successful and end.chi2 == pytest.approx(whole.chi2, rel=1e-3)
    begin[k] += 0.2
    lost = HostLeastSquares().search(problem.on_host(), begin, x_scale)
    assert lost.result == RESULTS.start_not_finite


def test_a_nearly_free_direction_does_not_end_a_descent():
    """The step along it, cut in one coordinate only, would go up; the descent goes on."""
    J = np.array([[100.0, 1000.0], [0.0, 0.01]])
    free = np.full(2, np.inf)
    line = HostResidual(lambda z: (J @ z + np.array([50.0, 1.0]), J), -free, free, points=2)
    end = HostLeastSquares().search(line, np.zeros(2), np.ones(2))
    assert end.result == RESULTS.successful and end.chi2 < 1.01


@pytest.mark.parametrize(
    "after",
    [pytest.param(k, marks=[pytest.mark.slow] * (k not in (1, 5, 9))) for k in range(1, 12)],
)
def test_an_interruption_at_any_time_is_said(after, monkeypatch):
    rng = np.random.default_rng([SEED, 3])
    terms, device = draw_study(rng)
    left = interrupt_at(monkeypatch, after + 2)
    result = fit(terms, device, SPACE, starts=starts_around(rng, device), throw=False)
    assert left[0] <= 0
    assert result.result == RESULTS.interrupted and np.isfinite(result.chi2)


@pytest.mark.slow
def test_two_cells_of_one_material():
    """A hierarchy is a tuple of devices: what is shared is tied, what is each cell's own is not."""
    rng = np.random.default_rng(SEED)
    one = jm.si_device(R_s=50.0)
    two = eqx.tree_at(lambda d: d.R_b, one, 2 * one.R_b)
    freq = np.geomspace(1.0, 1e6, 40)
    terms = []
    for part, d in ((0, one), (1, two)):
        at = (lambda m: m[0]) if part == 0 else (lambda m: m[1])
        terms += [On(at, studies.noisy_spectrum(rng, d, u, freq)) for u in (0.65, 0.75, 0.85)]
    shared = lambda name: lambda m: (getattr(m[0], name), getattr(m[1], name))
    space = Space(
        lambda m: m[0].R_b, lambda m: m[1].R_b,
        *(shared(n) for n in ("i_c0", "V_T", "V_m", "tau_d", "tau_k")),
    )  # fmt: skip
    result = fit(terms, (one, two), space, starts=MultiStart(0))
    assert result.ok and result.identifiable.all()
    ratio = np.log(result.values[1] / result.values[0])
    assert abs(ratio - np.log(2)) < 4 * np.hypot(*result.standard_errors[:2])


def test_noise_of_each_kind_is_found():
    """A curve with proportional noise, a spectrum whose given noise is five times too small."""
    rng = np.random.default_rng([SEED, 7])
    d = jm.si_device(R_s=50.0)
    u = np.linspace(0.3, 1.0, 60)
    I = np.asarray(jm.steady_curve(d, u).I)
    curve = SteadyCurve(I * (1 + 0.02 * rng.normal(size=60)), u=u)
    spectra = [
        studies.noisy_spectrum(
            rng, d, v, np.geomspace(1, 1e6, 40), sigma=estimated(proportional(0.002))
        )
        for v in (0.65, 0.85)
    ]
    result = fit([curve, *spectra], d, SPACE, starts=MultiStart(0))
    scales = np.array([t.scale for t in result.terms])
    np.testing.assert_allclose(scales, [2.0, 5.0, 5.0], rtol=0.3)
    assert not result.quality.noise_known and all(t.estimated for t in result.terms)
    assert np.abs(misses(result, d)).max() < 4


@pytest.mark.parametrize(
    "top, percent", [(6.0, 0.33), (0.0, 4.8), (-2.0, 74.0)], ids=["V_T + 6 V_m", "V_T", "below"]
)
def test_what_a_steady_curve_alone_says_of_the_saturated_current(top, percent):
    d = jm.si_device()
    u = np.linspace(0.02, float(d.V_T + top * d.V_m), 100)
    I = np.asarray(jm.steady_curve(d, u).I)
    space = Space(lambda d: d.R_b, lambda d: d.i_c0, lambda d: d.V_T, lambda d: d.V_m)
    curve = SteadyCurve(I, u=u, sigma=proportional(0.01))
    found = identifiability(curve, d, space)
    assert 100 * found.standard_errors[1] == pytest.approx(percent, rel=0.02)
    # From V_T - 2 V_m down there is no interval.
    assert found.identifiable[1] == (top > -1)


@pytest.mark.parametrize(
    "kind, biases, dc, rank",
    [
        ("3d", 1, False, 5), ("3d", 1, True, 6), ("3d", 2, False, 7), ("3d", 3, False, 7),
        ("2d", 1, False, 4), ("2d", 1, True, 5), ("2d", 2, False, 5), ("2d", 2, True, 6),
        ("2d", 3, False, 6),
    ],
)  # fmt: skip
def test_ranks_are_as_known(kind, biases, dc, rank):
    """Spectra at known u with R_s fixed, with and without the dc current at each bias."""
    d = jm.si_device()
    letters = LETTERS if kind == "3d" else LETTERS[:-1]
    if kind == "2d":
        d = jm.Memristor2D(*(getattr(d, n) for n in letters))
    # Repeats keep one shape, so that each kind compiles once.
    u = [0.8, 0.75, 0.87][:biases] + [0.8] * (3 - biases)
    freq = np.geomspace(0.1, 1e6, 40)
    Z = lambda v: np.asarray(d.impedance(jnp.asarray(2j * np.pi * freq), v))
    terms = [Spectrum(freq, Z(v), u=v) for v in u]
    if dc:
        terms.append(SteadyCurve([float(d.steady_current(v)) for v in u], u=u))
    found = identifiability(terms, d, studies.space_of(letters))
    assert found.rank == rank and len(found.null_directions) == len(letters) - rank
    assert found.identifiable.all() == (rank == len(letters))


def test_what_is_determined_is_named():
    """Below threshold only i_c0 exp(-V_T/V_m) is seen; at one bias, R_a and both lags."""
    d = jm.si_device()
    u = np.linspace(0.05, 0.37, 60)
    space = Space(lambda d: d.R_b, lambda d: d.i_c0, lambda d: d.V_T, lambda d: d.V_m)
    # So far below that exp(x) stands for 1/(1 + exp(-x)).
    at = eqx.tree_at(lambda d: (d.V_T, d.V_m), d, (jnp.asarray(0.9), jnp.asarray(0.02)))
    current = np.asarray(jm.steady_curve(at, u).I)
    low = SteadyCurve(current, u=u, sigma=proportional(1e-5))
    result = fit(low, at, space, starts=MultiStart(0), throw=False)
    lost = {n for n, fine in zip(result.names, result.identifiable, strict=True) if not fine}
    assert {"i_c0", "V_T"} <= lost
    assert any("the curve does not saturate" in line for line in result.statements())
    freq = np.geomspace(0.1, 1e6, 40)
    rng = np.random.default_rng([SEED, 9])
    one = fit(studies.noisy_spectrum(rng, d, 0.8, freq), d, SPACE, starts=MultiStart(0))
    assert {"R_b", "C_m", "R_a", "f tau_k"} <= set(one.identifiability.determined)
    # The data fix tau_d but for its exchange with f tau_k: it is not said to be both.
    assert "tau_d" not in one.identifiability.determined
    assert not {"I(u)", "tau_k", "i_c0 exp(-V_T/V_m)"} & set(one.identifiability.determined)
    # The exact exchange of the two lags is told with its cost, nothing.
    assert len(one.identifiability.swaps) == 1 and abs(one.identifiability.swaps[0]) < 0.01
    assert any("which lag is which" in line for line in one.statements())


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["I", "V"])
def test_what_is_determined_at_a_bias_that_is_applied_is_named(kind):
    d = jm.si_device(R_s=50.0)
    point = jm.operating_point(d, u=0.8)
    freq = np.geomspace(0.1, 1e6, 40)
    Z = np.asarray(d.impedance(jnp.asarray(2j * np.pi * freq), 0.8))
    bias = {kind: float(getattr(point, kind))}
    data = Spectrum(freq, Z, sigma=1e-3 * np.abs(Z), **bias)
    one = fit(data, d, SPACE, starts=MultiStart(0), throw=False)
    assert {"R_b", "C_m", "R_a", "f tau_k"} <= set(one.identifiability.determined)
    # The data fix tau_d but for its exchange with f tau_k: it is not said to be both.
    assert "tau_d" not in one.identifiability.determined
    assert not {"tau_k", "V_m", "i_c0 exp(-V_T/V_m)"} & set(one.identifiability.determined)


def test_bad_studies_are_told_before_the_fit():
    rng = np.random.default_rng([SEED, 0])
    terms, device = draw_study(rng)
    assert check_study(terms, device, SPACE, {}) == []
    spectrum = terms[0]
    kilo = Spectrum(spectrum.freq, spectrum.Z * 1e3, u=spectrum.u, label="in kilo-ohm")
    (line,) = check_study([kilo, *terms[3:]], device, SPACE, {})
    assert line.startswith("in kilo-ohm") and "check the units" in line
    far = Spectrum(spectrum.freq, spectrum.Z, V=30.0, label="far off")
    lines = check_study([far, *terms[3:]], device, SPACE, {})
    assert any("far off: its bias" in line for line in lines)
    idle = Prior(lambda d: d.R_s, 5.0, 1.0)
    assert "it has no effect" in check_study([*terms, idle], device, SPACE, {})[0]
    with pytest.raises(ValueError, match="the starts lie in 2 to 3"):
        bounded = Space(studies.Free(lambda d: d.V_T, high=1.9, name="V_T"))
        check_study(terms, device, bounded, {"V_T": (2.0, 3.0)})
    with pytest.raises(ValueError, match="lies outside its bounds"):
        check_study([Prior(lambda d: d.V_T, 5.0, 1.0)], device, bounded, {})


def test_terms_that_cannot_both_hold_are_seen_in_the_report():
    rng = np.random.default_rng([SEED, 8])
    d = jm.si_device(R_s=50.0)
    freq = np.geomspace(1, 1e6, 40)
    noise = proportional(0.01)
    spectra = [studies.noisy_spectrum(rng, d, u, freq, sigma=noise) for u in (0.65, 0.85)]
    twice = eqx.tree_at(lambda d: (d.R_b, d.i_c0), d, (2 * d.R_b, d.i_c0 / 3))
    spectra.append(studies.noisy_spectrum(rng, twice, 0.75, freq, sigma=noise))
    result = fit(spectra, d, SPACE, starts=MultiStart(0), throw=False)
    assert max(t.chi2 / t.freedom for t in result.terms) > 10
    assert any("standard deviations off" in line for line in result.statements())


def test_absolute_noise_of_spectra_adds_in_quadrature():
    noise = proportional(0.03) + absolute(4.0)
    np.testing.assert_allclose(noise.sigma(np.array([100.0])), [5.0])
    assert noise.known and not (estimated(noise) + absolute(1.0)).known
    assert jnp.isfinite(noise.sigma(np.array([0.0]))).all()
