"""Whether a model describes the data: a seeded sample of the benchmark, and single cases."""

import numpy as np
import pytest

import jaxmem as jm
from benchmarks.fits.verdicts import counted, share
from benchmarks.problems import described
from fitting import (
    Free,
    MultiStart,
    Noise,
    Space,
    Spectrum,
    SteadyCurve,
    element_model,
    fit,
    origins,
    structured_covariance,
)
from fitting.diagnosis.description import GRADES
from fitting.terms import linear_kk
from fitting.terms.floor import of_neighbours, of_replicates, quantum
from tests.charge_curve import ChargeCurve

SEED = 170


@pytest.mark.slow
def test_right_models_describe_and_wrong_ones_do_not():
    right = {"two arcs": counted(described.right_spectra("two arcs", 4, SEED))}
    assert share(right, "yes") == 1.0
    wrong = {"missing arc": counted(described.wrong_spectra("missing arc", 3, SEED, 4))}
    assert share(wrong, "no") == 1.0


@pytest.mark.slow
def test_right_models_describe_loops_and_wrong_ones_do_not():
    right = {"loop": counted(described.right_runs("loop", 2, SEED, False))}
    assert share(right, "yes") == 1.0
    for times in (2, 4):
        found = {"missing arc": counted(described.wrong_spectra("missing arc", 3, SEED, times))}
        found["offset"] = counted(described.wrong_runs("loop", "offset", 2, SEED, times))
        assert share(found, "yes") == 0.0
        assert times == 2 or share(found, "no") == 1.0


@pytest.mark.slow
def test_every_kind_of_the_benchmark():
    right = {k: counted(described.right_spectra(k, 10, SEED)) for k in described.RIGHT}
    right |= {f"{run} {three}": counted(described.right_runs(run, 9, SEED, three))
              for run in ("loop", "step") for three in (False, True)}  # fmt: skip
    assert share(right, "yes") >= 0.95
    assert counted(described.wrong_spectra("drift", 8, SEED, 2))["yes"] == 0
    wrong = {f"{run} {k}": counted(described.wrong_runs(run, k, 8, SEED, 4))
             for run in ("loop", "step") for k in described.SPOILT}  # fmt: skip
    wrong |= {k: counted(described.wrong_spectra(k, 8, SEED, 4)) for k in described.WRONG}
    assert share(wrong, "no") >= 0.95


SPACE = Space(Free(lambda d: d.C_m))


def test_intervals_hold_where_a_filter_makes_neighbours_alike():
    """The model is right, and eight samples share their noise: they are not eight independent."""
    V, truth, off = np.linspace(0.1, 1.0, 400), 2e-8, []
    start = jm.Device(3e-8, {"leak": jm.Leak(1e4)})
    for seed in range(30):
        white = np.random.default_rng([SEED, seed]).normal(size=V.size + 7)
        noise = 1e-10 * np.convolve(white, np.full(8, 8**-0.5), "valid")
        measured = ChargeCurve(V, truth * V + noise, Noise(0.0, 1e-10, known=False))
        found = fit(measured, start, SPACE, starts=MultiStart(0))
        off.append((np.log(found.values[0] / truth)) / found.standard_errors[0])
        words = " ".join(found.statements())
        assert "alike" in words or "structure" in words
        # What a filter can have done is not held against the model.
        assert found.describes != "no"
    # Counting every sample as independent would give about 2.8, the root of eight.
    assert np.sqrt(np.mean(np.square(off))) < 1.6


@pytest.mark.quick
def test_the_verdict_waits_until_it_is_asked_for(monkeypatch):
    """The Kramers-Kronig fit behind a spectrum's noise takes ten times as long as a fit."""
    freq, rng = np.geomspace(10, 1e5, 20), np.random.default_rng(SEED)
    Z = 1 / (2j * np.pi * freq * 1e-8 + 1e-4)
    Z = Z * (1 + 0.01 * (rng.normal(size=20) + 1j * rng.normal(size=20)))
    asked, tested = [], linear_kk.tested
    monkeypatch.setattr(linear_kk, "tested", lambda s: asked.append(s) or tested(s))
    found = fit(Spectrum(freq, Z), DEVICE, SPACE)
    assert found.values[0] == pytest.approx(1e-8, rel=0.02) and found.standard_errors[0] > 0
    assert not asked
    assert found.describes == "yes" and len(asked) == 1


DEVICE = jm.Device(1e-8, {"leak": jm.Leak(1e4)})
V = np.linspace(0.1, 1.0, 60)


def charge(noise, more=0.0, given=None):
    kick = np.random.default_rng(SEED).normal(size=60)
    return fit(ChargeCurve(V, 1e-8 * (V + noise * kick + more), given), DEVICE, SPACE)


@pytest.mark.quick
def test_a_measurement_of_ones_own_gets_a_verdict():
    flat = Noise(floor=1e-10, known=False)
    good = charge(0.01, given=flat)
    assert good.describes == "yes"
    assert good.verdict()[0].startswith("The model describes the data: residual ")
    assert "All 1 parameters are identifiable." in good.statements()
    bent = charge(0.01, 0.5 * (V - 0.55) ** 2, flat)
    (about,) = (t.description for t in bent.terms)
    assert bent.describes == "no" and about.excess > 2 and about.structure_p < 1e-3
    said = " ".join(bent.statements())
    assert "does not describe the data" in said and "identifiable" not in said
    (row,) = bent.rows()
    assert not row["identifiable"] and row["low"] is None
    assert row["reasons"] == ["of a model that does not describe the data"]
    # The same within a noise that is given, and large.
    assert charge(0.01, 0.5 * (V - 0.55) ** 2, Noise(floor=1e-9)).describes == "yes"


@pytest.mark.quick
def test_a_stretch_is_excepted_and_named():
    flat = Noise(floor=1e-10, known=False)
    off = np.where(np.abs(V - 0.8) < 0.02, 0.2, 0.0)
    found = charge(0.01, off, flat)
    where = found.terms[0].description.where
    assert found.describes == "but_for" and "but for" in found.verdict()[0]
    assert where.low <= 0.8 <= where.high and where.high - where.low < 0.2


@pytest.mark.quick
def test_the_worst_measurement_decides():
    flat = Noise(floor=1e-10, known=False)
    kick = 0.01 * np.random.default_rng(SEED).normal(size=60)
    good = ChargeCurve(V, 1e-8 * (V + kick), flat, "good")
    bad = ChargeCurve(V, 1e-8 * (V + kick + 0.3 * np.sin(12 * V)), flat, "bad")
    found = fit([good, bad], DEVICE, SPACE)
    assert [t.description.grade for t in found.terms] == ["yes", "no"]
    assert found.describes == "no" == max(("yes", "no"), key=GRADES.index)
    assert "1 described, 1 not described" in found.verdict()[0]
    assert found.verdict()[1].startswith("bad: The model does not describe it")


def test_too_few_numbers_to_tell_the_noise():
    """Of six points without sigma nothing says how large the noise is; the words do."""
    u = np.linspace(0.1, 0.6, 6)
    curve = SteadyCurve(u / 1e4 * (1 + 0.01 * np.array([1, -1, 0.5, 1, -1, 0.3])), u=u)
    leak = Space(Free(lambda d: d.branches["leak"].R_b, name="R_b"))
    found = fit(curve, DEVICE, leak)
    assert np.isnan(found.terms[0].description.excess)
    assert "too few numbers" in found.verdict()[0]


@pytest.mark.quick
@pytest.mark.parametrize("width, steps", [(1, 0), (3, 0), (5, 0), (1, 6)])
def test_the_scatter_of_neighbours_is_the_noise(width, steps):
    """White, filtered over some samples, and rounded; beside a wave that a model left."""
    rng = np.random.default_rng([SEED, width, steps])
    noise = np.convolve(rng.normal(size=4010), np.ones(width) / np.sqrt(width), "same")[5:-5]
    wave = 5 * np.sin(np.linspace(0, 20, 4000))
    found = of_neighbours([noise + wave])
    assert found.size == pytest.approx(1.0, rel=0.2)
    assert found.stride >= (1 if width == 1 else 2)
    if steps:
        assert quantum(np.round(noise * steps) / steps) == pytest.approx(1 / steps)
    assert quantum(noise) == 0.0


@pytest.mark.quick
def test_what_grows_only_at_long_distances_is_no_filter():
    """A wave of 40 samples beside white noise; and the same sizes made by a mean of 8 samples."""
    k, found = np.arange(200), []
    for seed in range(10):
        noise = np.random.default_rng([SEED, seed]).normal(size=207)
        filtered = np.convolve(noise, np.full(8, 8**-0.5), "valid")
        wave = of_neighbours([noise[7:] + 4 * np.sin(np.pi * k / 20)])
        found.append((wave.ample, of_neighbours([filtered]).ample))
    assert np.max(found, axis=0)[0] < 1.5 and np.mean(found, axis=0)[1] > 0.8


@pytest.mark.quick
def test_the_scatter_of_replicates_is_the_noise():
    rng = np.random.default_rng(SEED)
    x = np.repeat(np.arange(50.0), 4)
    found = of_replicates([x], [np.sin(x) + 0.1 * rng.normal(size=200)])
    assert found.size == pytest.approx(0.1, rel=0.15) and found.freedom == 150
    assert of_replicates([np.arange(50.0)], [rng.normal(size=50)]) is None


@pytest.fixture
def measured(shared):
    d = np.load(shared / "data/perovskite_eis/pero_l300.npz")
    return Spectrum(d["freqs"], d["Re"][:, 0] + 1j * d["Im"][:, 0]).within(high=6e6)


def test_a_measured_spectrum_in_both_models(measured):
    grades = {}
    for add in ((), ("cpe",)):
        model, space, box = element_model("2d", add, spectrum=measured)
        found = fit(measured, model, space, starts=MultiStart(box=box))
        grades[add] = found.describes
        about = found.terms[0].description
        # The floor that an independent test found is 1.95 %.
        assert about.floor == pytest.approx(0.0195, rel=0.1) and not about.consistent
    assert grades == {(): "no", ("cpe",): "roughly"}
    wide = np.sqrt(np.diag(structured_covariance(found)))
    assert (found.standard_errors >= wide * (1 - 1e-9)).all()


@pytest.mark.quick
def test_weights_are_those_of_the_closed_form():
    """Of a straight line through the origin point i says V_i^2/sum V^2 of the variance."""
    found = charge(0.01, given=Noise(floor=1e-10, known=False))
    (origin,) = origins(found)
    np.testing.assert_allclose(origin.weight, V**2 / np.sum(V**2), rtol=1e-6)
    assert origin.high == 1.0 and origin.low == pytest.approx(0.59, abs=0.03)
    assert origin.statement().startswith("C_m is decided by charge (100 %), at 5")


@pytest.mark.quick
def test_what_the_band_cannot_see_is_marked():
    freq = np.geomspace(10, 1e5, 40)
    rng = np.random.default_rng(SEED)
    Z = 4e-6 + 1 / (2j * np.pi * freq * 1e-8 + 1e-4)
    Z = Z * (1 + 0.003 * (rng.normal(size=40) + 1j * rng.normal(size=40)))
    space = Space(Free(lambda d: d.C_m), Free(lambda d: d.R_s),
                  Free(lambda d: d.branches["leak"].R_b, name="R_b"))  # fmt: skip
    start = jm.Device(1e-8, {"leak": jm.Leak(1e4)}, R_s=4e-6)
    found = {o.name: o for o in origins(fit(Spectrum(freq, Z), start, space))}
    assert "outside of what these data can see" in found["R_s"].statement()
    assert found["C_m"].unseen == found["R_b"].unseen == ""
    assert found["R_b"].high < 5e3 < found["C_m"].high
