"""The Kramers-Kronig test in grades: how large, whether it matters, at which frequencies."""

import numpy as np
import pytest

from fitting import Spectrum, kramers_kronig
from fitting.report.consistency import beside, common_frequencies, consistency_flags
from fitting.terms.checked import Checked

FREQ = np.geomspace(1, 1e5, 51)


def spectrum(seed, factor=1.0, at=100.0, level=0.001):
    rng = np.random.default_rng(seed)
    Z = 50 + 1e4 / (1 + 2j * np.pi * FREQ * 1e-4)
    Z = Z * (1 + level * (rng.normal(size=51) + 1j * rng.normal(size=51)))
    Z[np.argmin(np.abs(FREQ - at))] *= factor
    return Checked(s := Spectrum(FREQ, Z), np.ones(51, bool), s, kramers_kronig(s))


def test_mains_are_named_over_several_spectra():
    checked = [spectrum(k, 1.1 if k < 3 else 1.0) for k in range(4)]
    assert [c.check.grade == "consistent" for c in checked] == [False] * 3 + [True]
    (line,) = common_frequencies(checked)
    assert line.startswith(
        "100 Hz does not belong to the rest in 3 of 4 spectra (mains, 2 x 50 Hz)"
    )
    assert consistency_flags(checked)[0].startswith("Kramers-Kronig: of 4 spectra 1 consistent")
    assert common_frequencies(checked[:1]) == []
    # Another frequency is no mains.
    other = [spectrum(k, 1.1, at=FREQ[30]) for k in range(2)]
    assert "mains" not in common_frequencies(other)[0]


@pytest.mark.quick
def test_what_it_means_beside_a_fit():
    check = spectrum(0, 1.1).check
    assert check.noise == pytest.approx(0.001, rel=0.3)
    assert FREQ[check.carriers] == pytest.approx([100.0])
    assert check.inconsistency == pytest.approx(0.1 / np.sqrt(check.freedom), rel=0.1)
    assert "That matters" in beside(check, 0.015) and "That is small" in beside(check, 0.1)
    assert "100 Hz" in check.reason


@pytest.mark.quick
def test_a_small_structure_is_no_fault():
    """Consistent to 0.13 % and correlated: that is consistent, and said so."""
    rng = np.random.default_rng(3)
    step = np.cumsum(rng.normal(size=51)) / 8 + 1j * np.cumsum(rng.normal(size=51)) / 8
    Z = (50 + 1e4 / (1 + 2j * np.pi * FREQ * 1e-4)) * (1 + 0.002 * step)
    found = kramers_kronig(Spectrum(FREQ, Z))
    assert found.inconsistency < 0.005 and found.grade == "consistent"
