"""Measured loops of a real memristor, fitted from the voltage over device and resistor alone."""

import numpy as np
import pytest

from benchmarks.problems.loops import SERIES, conductance, ends, loop, loops
from fitting import MultiStart, fit, structured_covariance


@pytest.fixture
def folder(shared):
    path = shared / "data/memristor_iv"
    if not path.is_dir():
        pytest.skip("no measured loops beside the checkout")
    return path


def test_the_files_are_steady_sines_behind_the_resistor(folder):
    """What the trace holds is the file, and the sine is the voltage to a few tenths of a mV."""
    for freq in (1, 10, 100):
        term = loop(folder, freq)
        V, I = np.loadtxt(folder / f"47kohm_0.8V_{freq}Hz_M2_total.csv", delimiter=",").T
        u = np.loadtxt(folder / f"47kohm_0.8V_{freq}Hz_M2_memristor.csv", delimiter=",")[:, 0]
        np.testing.assert_allclose(term.observed, 1e-6 * I)
        assert np.abs(term.drive.wave(term.t) - V).max() < 2e-3
        assert term.start == "periodic" and term.period == pytest.approx(1 / freq)
        # Why only the total voltage tests a recovery of R_s.
        assert np.polyfit(1e-6 * I, V - u, 1)[0] == pytest.approx(SERIES, rel=1e-6)
    low, high = ends(loops(folder))
    assert 4.7e4 < low < 7e4 and 1.5e5 < high < 5e5


@pytest.mark.slow
def test_three_loops_together_and_the_series_resistance(folder):
    """About the truth: a tenth of the current is left, with a structure, and R_s is found."""
    terms = loops(folder)
    setup = conductance(terms)
    found = fit(
        terms, setup.model, setup.space, starts=MultiStart(4, setup.box), seed=0, throw=False
    )
    share = [
        r.rms / np.sqrt(np.mean(t.observed**2)) for r, t in zip(found.terms, terms, strict=True)
    ]
    assert max(share) < 0.25 and np.mean(share) < 0.15
    assert all(report.structured for report in found.terms)
    # It switches within one sample: for each pair of samples there may be an optimum.
    assert any(report.high_leverage for report in found.terms)
    k = found.names.index("R_s")
    wide = np.sqrt(structured_covariance(found)[k, k])
    # The fit says that residuals have a structure, and has widened its intervals for it already.
    assert wide == pytest.approx(np.sqrt(found.covariance[k, k]), rel=1e-6)
    assert abs(np.log(found["R_s"] / SERIES)) < 1.96 * wide
    # x stays far from 1, so that only g_on k_on is felt, and the fit says so.
    assert not found.identifiable[found.names.index("g_on")]
