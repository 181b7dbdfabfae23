"""Rivals: measured verdicts, synthetic truths, what is said in words, and failures."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

import jaxmem as jm
from benchmarks.problems.picking import DECISIVE, TRUTHS, advantage, draw, picked
from benchmarks.problems.studies import device_of, draw_truth, noisy_spectrum
from fitting import Rival, Spectrum, Trace, compare, fit, rivals, structured_covariance
from fitting.selection.ranking import Comparison, Ranked

SEED = 31
INDUCTIVE, CAPACITIVE = "2D + CPE", "R-C + CPE + slow R-C"
MEASURED = [("l300", 0), ("l300", 24), ("l300", 47), ("d300", 0), ("d300", 24)]


def pair(s):
    return [r for r in rivals(s, cpe=(True,)) if r.name in (INDUCTIVE, CAPACITIVE)]


@pytest.fixture
def measured(shared):
    def spectrum(cell, k):
        d = np.load(shared / f"data/perovskite_eis/pero_{cell}.npz")
        return Spectrum(d["freqs"], d["Re"][:, k] + 1j * d["Im"][:, k]).within(high=6e6)

    return spectrum


def capacitive(freq):
    """R-CPE with a slow capacitive branch, by hand, of the size of the measured cells."""
    s = 2j * np.pi * freq
    Z = 40 + 1 / (2e-8 * s**0.95 + 1 / 1.2e4 + 1 / (2e4 + 1 / (s * 5e-7)))
    rng = np.random.default_rng([SEED, 1])
    n = len(freq)
    return Spectrum(freq, Z + 0.01 * np.abs(Z) * (rng.normal(size=n) + 1j * rng.normal(size=n)))


@pytest.mark.parametrize("cell, k", MEASURED)
def test_measured_cells_have_a_chemical_inductor(measured, cell, k):
    s = measured(cell, k)
    table = compare(s, pair(s))
    assert table.gain(INDUCTIVE, CAPACITIVE) >= 50
    assert table.winner is not None and table.winner.rival.name == INDUCTIVE
    assert table.sentence.startswith(
        "A chemical inductor (2D) explains the data better than a slow capacitive branch by "
        f"{table.gain(INDUCTIVE, CAPACITIVE):.0f} in BIC (2D + CPE with 7 parameters"
    )


def test_swapping_the_data_changes_the_sentence(measured):
    s = measured("l300", 24)
    other = capacitive(s.freq)
    one, two = compare(s, pair(s)), compare(other, pair(other))
    assert two.gain(CAPACITIVE, INDUCTIVE) > 50
    assert two.sentence.startswith(
        "A slow capacitive branch explains the data better than a chemical inductor (2D) by "
    )
    assert one.sentence != two.sentence
    assert two.rows()[0]["name"] == CAPACITIVE and two.rows()[0]["chosen"]
    json.dumps(two.rows())


def test_a_rival_that_fails_costs_only_itself():
    s = capacitive(np.geomspace(10, 5e6, 30))

    def broken(terms):
        raise ValueError("this model cannot be built")

    family = [Rival("broken", broken), *pair(s), Rival("too many", _too_many)]
    table = compare(s, family)
    assert table.best.rival.name == CAPACITIVE
    assert [e.rival.name for e in table.entries[2:]] == ["broken", "too many"]
    assert "this model cannot be built" in str(table)
    assert any(line.startswith("broken could not be fitted") for line in table.sentences)
    assert table.rows()[2]["failure"].startswith("ValueError: this model")
    assert np.isnan(table.gain("broken", CAPACITIVE))
    with pytest.raises(RuntimeError, match=r"no rival could be fitted.*cannot be built"):
        compare(s, [Rival("broken", broken)])
    with pytest.raises(ValueError, match="different names"):
        compare(s, [Rival("a", broken), Rival("a", broken)])
    with pytest.raises(KeyError, match="there are"):
        table.of("nobody")


def _too_many(terms):
    """More parameters than points."""
    short = terms[0].within(high=11.0)
    fit(short, *pair(terms[0])[0].setup(terms)[:2])


@pytest.mark.quick
def test_the_family_follows_from_the_data():
    s = capacitive(np.geomspace(10, 5e6, 30))
    names = [r.name for r in rivals(s, lead=(True, False))]
    assert len(names) == len(set(names)) == 24 and "3D + CPE + slow R-C, no lead" in names
    by = {r.name: r for r in rivals(s)}
    assert "2D + CPE" in by["3D + CPE"].contains and "2D" in by["2D + CPE"].contains
    assert CAPACITIVE not in by["2D + CPE"].contains
    biased = [Spectrum(s.freq, s.Z, u=u) for u in (0.7, 0.8)]
    assert {r.setup(biased).model.__class__ for r in rivals(biased)} == {
        jm.Memristor2D, jm.Memristor3D,
    }  # fmt: skip
    wave = jm.Triangle([0.0, 0.8, -0.8], 3.2)
    t = np.linspace(0, 1, 50)
    trace = Trace(t, jm.VoltageDrive(wave), 1e-4 * np.asarray(wave(t)))
    found = {r.name: r for r in rivals(trace, cpe=(False,), capacitive=(False,))}
    assert list(found) == ["2D", "3D", "conductance, memory", "conductance, switching"]
    for rival in found.values():
        model, space, box = rival.setup([trace])
        assert set(box) >= set(space.names(model)) - {"L_s"}
    with pytest.raises(ValueError, match="no kind"):
        rivals(s, kinds=("4d",))
    with pytest.raises(ValueError, match="none is left"):
        rivals(s, kinds=())


def entry(name, bic, *, idea="", contains=(), k=6):
    """A rival with the numbers of a fit, and nothing else of it."""
    numbers = SimpleNamespace(
        bic=bic, names=tuple(f"p{n}" for n in range(k)), identifiable=np.ones(k, bool), at_bound=(),
        terms=(), ok=True, chi2=1.0, relative_rms_residual=0.01,
    )  # fmt: skip
    return Ranked(Rival(name, lambda terms: None, idea or name, tuple(contains)), numbers, "", bic)


@pytest.mark.quick
@pytest.mark.usefixtures("as_users_call")
def test_the_words_follow_from_the_numbers():
    two = entry("2D", 0.0, idea="a chemical inductor (2D)")
    near = entry("C", 5.9, idea="a slow capacitive branch")
    table = Comparison((two, near))
    assert table.winner is None
    assert table.sentence == (
        "Cannot tell a chemical inductor (2D) from a slow capacitive branch: the BIC differs by "
        "5.9, less than 6 (2D with 6 parameters against C with 6 parameters)."
    )
    far = entry("C", 6.1, idea="a slow capacitive branch")
    assert Comparison((two, far)).winner is two
    three = entry("3D", 4.8, contains=("2D",), k=7)
    table = Comparison((two, three, far))
    assert table.winner is two
    assert table.not_excluded == (three,)
    assert "3D contains 2D, and 1 more parameter makes the BIC worse by 4.8" in str(table)
    # The other way round the larger one has to gain.
    better = entry("3D", 0.0, contains=("2D",), k=7)
    small = entry("2D", 5.0)
    assert Comparison((better, small)).winner is None
    assert Comparison((two, three)).sentence.startswith("A chemical inductor (2D) is enough")
    assert "only idea" in Comparison((two,)).sentence
    loose = entry("2D + CPE", 0.0)
    loose.fit.identifiable[2] = False
    lines = Comparison((loose, entry("2D", 3.0))).sentences
    assert any(line.startswith("2D + CPE is degenerate: the data leave p2 open") for line in lines)
    assert "The best rival with every parameter determined is 2D, worse by 3.0 in BIC." in lines


@pytest.mark.slow
def test_a_sample_of_the_picking():
    """Nine cases; the benchmark counts hundreds."""
    answers = {}
    for n, truth in enumerate(TRUTHS):
        rng = np.random.default_rng([SEED, n])
        for _ in range(3):
            noisy, clean = draw(rng, truth)
            gain, answer = advantage(clean, truth), picked(noisy, truth)
            answers.setdefault(gain > DECISIVE, []).append(answer)
    assert answers[True].count("right") >= len(answers[True]) - 1 and len(answers[True]) >= 6
    assert all("wrong" not in found for found in answers.values()), answers


def test_structured_covariance_agrees_where_noise_is_independent_and_grows_where_not():
    rng = np.random.default_rng([SEED, 5])
    ratios = {"white": [], "runs": []}
    for _ in range(12):
        freq = np.geomspace(1, 1e5, 60)
        Z = 1e4 / (1 + 2j * np.pi * freq * 1e-4)
        white = rng.normal(size=60) + 1j * rng.normal(size=60)
        runs = np.convolve(white, np.ones(8) / np.sqrt(8), "same")
        for name, kick in (("white", white), ("runs", runs)):
            s = Spectrum(freq, Z * (1 + 0.01 * kick))
            model, space, _ = next(r for r in rivals(s, lead=(False,)) if r.name == "R-C").setup(
                [s]
            )
            found = fit(s, model, space, throw=False)
            k = found.names.index("R_b")
            # Against that of independent residuals: the fit's own is widened where it must be.
            _, J = (a[0] for a in found.problem.inspect(found.z[None]))
            plain = found.noise**2 * np.linalg.inv(J.T @ J)
            ratios[name].append(structured_covariance(found)[k, k] / plain[k, k])
            assert found.covariance[k, k] >= plain[k, k] * (1 - 1e-6)
    assert 0.5 < np.median(ratios["white"]) < 1.5
    assert np.median(ratios["runs"]) > 2.5


@pytest.mark.slow
def test_a_device_with_the_papers_letters_is_told_from_a_conductance_memristor():
    rng = np.random.default_rng([SEED, 6])
    truth = draw_truth(rng)
    device = device_of(truth)
    taus = [truth["R_b"] * truth["C_m"], truth["tau_d"], truth["tau_k"]]
    freq = np.geomspace(0.03 / max(taus), 3 / min(taus), 40) / (2 * np.pi)
    terms = [noisy_spectrum(rng, device, truth["V_T"] + x * truth["V_m"], freq) for x in (-2, 0, 2)]
    family = rivals(terms, cpe=(False,), lead=(False,), capacitive=(False,), conductance=True)
    table = compare(terms, family)
    assert table.best.rival.name in ("2D", "3D")
    assert all(table.gain(table.best.rival.name, r.name) > 50 for r in family[2:])
