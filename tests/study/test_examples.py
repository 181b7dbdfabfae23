"""The bundled synthetic set is what it says it is."""

import numpy as np
import pytest
from scipy.optimize import brentq

from benchmarks.problems.circuits_by_hand import memristor_impedance
from fitting import read_spectra
from fitting.examples import BIASES, FOLDER, three_biases, write

LETTERS = ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k", "R_s")


def test_it_is_the_truth_with_half_a_percent_of_noise():
    """Against eqs 5, 7, 10 and 13 to 15 by hand."""
    spectra, device = three_biases()
    d = {name: float(getattr(device, name)) for name in LETTERS}
    off = []
    for s, V in zip(spectra, BIASES, strict=True):
        assert s.V == V
        f = lambda u: 1 / (1 + np.exp(-(u - d["V_T"]) / d["V_m"]))
        over = lambda u, V=V, f=f: u + d["R_s"] * (u / d["R_b"] + d["i_c0"] * f(u)) - V
        Z = memristor_impedance(s.freq, brentq(over, 0, 2, xtol=1e-14), **d)
        Z = Z + 2j * np.pi * s.freq * float(device.L_s)
        off.append((s.Z - Z) / np.abs(Z))
    off = np.concatenate(off)
    both = np.concatenate([off.real, off.imag])
    assert np.std(both) == pytest.approx(0.005, rel=0.15) and abs(np.mean(both)) < 1e-3
    assert np.abs(both).max() < 0.025


def test_it_can_be_made_again(tmp_path):
    write(tmp_path)
    for path in sorted(tmp_path.iterdir()):
        kept = FOLDER / path.name
        assert kept.read_text().splitlines()[0] == path.read_text().splitlines()[0]
        assert "Synthetic" in path.read_text().splitlines()[0]
    kept, _ = three_biases()
    for a, b in zip(kept, read_spectra(tmp_path / "three_biases.csv"), strict=True):
        np.testing.assert_allclose(a.Z, b.Z, rtol=1e-9)
