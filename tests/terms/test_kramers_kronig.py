import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.problems import valid_spectra
from fitting.readers import read_spectra
from fitting.terms.linear_kk import frequencies_in_words, kramers_kronig
from fitting.terms.spectrum import Spectrum

SEED = 20


def results(each, seed, level=0.005, spoil=None):
    return [
        kramers_kronig(spectrum)
        for kind in valid_spectra.KINDS
        for spectrum in valid_spectra.cases(kind, each, seed, level, spoil)
    ]


def device(kind="inductor", seed=0, level=0.005):
    return next(iter(valid_spectra.cases(kind, 1, seed, level)))


@pytest.mark.parametrize(
    "level, each",
    [
        (0.005, 3),
        *(pytest.param(*case, marks=pytest.mark.slow) for case in ((0.001, 2), (0.02, 2))),
    ],
)
def test_valid_spectra_of_every_kind_pass_and_their_noise_is_read(level, each):
    found = results(each, SEED, level)
    assert sum(r.passed is not True for r in found) <= 0.05 * len(found)
    noise = np.array([r.noise for r in found])
    assert abs(np.median(noise) / level - 1) < 0.06
    # 30 points leave 50 degrees of freedom: 4 % of them lie beyond 20 % by chance alone.
    assert np.mean(abs(noise / level - 1) < 0.2) > 0.85


@pytest.mark.parametrize(
    "name",
    ["outlier", "sign_flip", "gain_drift"],
)
@pytest.mark.slow
def test_violations_are_flagged(name):
    found = results(3, SEED + 1, spoil=getattr(valid_spectra, name))
    assert sum(r.passed is False for r in found) >= 0.95 * len(found)


def test_a_violation_is_named_and_located():
    clean = device(level=0.002)
    Z = clean.Z.copy()
    Z[12] *= 1.1
    spoiled = kramers_kronig(Spectrum(clean.freq, Z))
    assert spoiled.violation == "outliers" and spoiled.outliers.tolist() == [12]
    assert abs(spoiled.residuals[12]) == pytest.approx(0.1 / 1.1, rel=0.2)
    assert spoiled.noise == pytest.approx(0.002, rel=0.3)
    assert frequencies_in_words(clean.freq[[12]]) in spoiled.reason

    flipped = kramers_kronig(Spectrum(clean.freq, clean.Z.conj()))
    assert flipped.violation == "sign" and "conj" in flipped.reason

    gain = np.linspace(1, 1.2, clean.freq.size)
    drifted = kramers_kronig(Spectrum(clean.freq, clean.Z * gain))
    assert drifted.violation == "drift" and "% over the sweep" in drifted.reason


@pytest.mark.quick
def test_drift_is_found_in_measuring_order_too():
    clean = device("negative_real", level=0.0)
    n = clean.freq.size
    there_and_back = np.r_[np.arange(0, n, 2), np.arange(1, n, 2)[::-1]]
    Z = valid_spectra.noisy(clean.Z[there_and_back], np.random.default_rng(1))
    spectrum = Spectrum(clean.freq[there_and_back], Z)
    assert kramers_kronig(spectrum).passed
    drifted = Spectrum(spectrum.freq, Z * np.linspace(1, 1.2, n))
    assert kramers_kronig(drifted).violation == "drift"


def test_current_unstable_device_passes_as_admittance():
    # 1/Z = s C + 1/R_b + 1/((1 + s tau)^2 R_a): loop gain 20 over three equal lags.
    freq = np.geomspace(1e-3, 1e2, 50)
    s = 2j * np.pi * freq
    Z = 0.01 + 1 / (1 + s + 20 / (1 + s) ** 2)
    result = kramers_kronig(Spectrum(freq, valid_spectra.noisy(Z, np.random.default_rng(0))))
    assert Z.real.min() < 0 and result.passed and result.domain == "admittance"
    assert "admittance" in result.reason and "drift can pass" in result.reason


@pytest.mark.quick
@pytest.mark.parametrize("kind", valid_spectra.KINDS)
def test_exact_data_pass_with_no_noise(kind):
    result = kramers_kronig(device(kind, level=0.0))
    assert result.passed and result.noise < 1e-4


def test_order_of_the_points_does_not_matter():
    clean = device(seed=3)
    mix = np.random.default_rng(0).permutation(clean.freq.size)
    one, two = kramers_kronig(clean), kramers_kronig(Spectrum(clean.freq[mix], clean.Z[mix]))
    assert one.passed and two.passed
    assert two.noise == pytest.approx(one.noise, rel=1e-2)
    np.testing.assert_allclose(two.residuals, one.residuals[mix], atol=1e-3)


def test_replicates_are_used():
    freq = np.repeat(device().freq, 2)
    Z = valid_spectra.noisy(np.repeat(device(level=0.0).Z, 2), np.random.default_rng(2))
    result = kramers_kronig(Spectrum(freq, Z))
    assert result.passed and result.noise == pytest.approx(0.005, rel=0.2)


def test_known_sigma_weights_points():
    clean = device(level=0.0)
    rng = np.random.default_rng(0)
    scale = np.where(np.arange(clean.freq.size) % 7 == 0, 0.05, 0.002)
    Z = clean.Z + scale * (valid_spectra.noisy(clean.Z, rng, 1.0) - clean.Z)
    result = kramers_kronig(Spectrum(clean.freq, Z, sigma=scale * abs(clean.Z)))
    assert result.passed
    assert result.noise == pytest.approx(np.sqrt(np.mean(scale**2)), rel=0.2)


@settings(max_examples=8)
@given(
    st.sampled_from(valid_spectra.KINDS),
    st.integers(0, 99),
    st.sampled_from([1e-9, 1e9]),
    st.sampled_from([1e-6, 1.0, 1e6]),
)
def test_units_do_not_matter(kind, seed, ohm, hertz):
    clean = device(kind, seed)
    one = kramers_kronig(clean)
    two = kramers_kronig(Spectrum(clean.freq * hertz, clean.Z * ohm))
    assert (one.passed, one.violation) == (two.passed, two.violation)
    assert two.noise == pytest.approx(one.noise, rel=0.05)


@pytest.mark.parametrize("count", [4, 5, 7, 9])
def test_too_few_points_are_not_judged(count):
    freq = np.geomspace(1, 1e4, count)
    result = kramers_kronig(Spectrum(freq, 1 + 1 / (1 + 0.01j * freq)))
    assert result.passed is None and "too few" in result.reason
    assert np.isfinite(result.noise) and np.isfinite(result.residuals).all()


@pytest.mark.parametrize("count", [10, 12, 15])
def test_few_points_are_judged(count):
    freq = np.geomspace(1, 1e4, count)
    Z = valid_spectra.noisy(1 + 1 / (1 + 0.01j * freq), np.random.default_rng(count))
    assert kramers_kronig(Spectrum(freq, Z)).passed
    assert kramers_kronig(Spectrum(freq, Z.conj())).passed is False


def test_data_that_are_no_response_fail():
    rng = np.random.default_rng(0)
    freq = np.geomspace(1, 1e6, 40)
    result = kramers_kronig(Spectrum(freq, rng.standard_normal(40) + 1j * rng.standard_normal(40)))
    assert result.passed is False


def test_wrong_input_is_explained():
    with pytest.raises(ValueError, match="3 distinct frequencies"):
        kramers_kronig(Spectrum([1.0, 2.0, 2.0, 3.0], [1, 2, 3, 4]))
    with pytest.raises(ValueError, match="Z is 0 at point 2"):
        kramers_kronig(Spectrum(np.arange(1.0, 13), np.where(np.arange(12) == 2, 0, 1)))
    with pytest.raises(ValueError, match="sigma must be positive"):
        kramers_kronig(Spectrum(np.arange(1.0, 13), np.ones(12), sigma=0.0))


@pytest.mark.parametrize("name, floor", [("l300", 0.0195), ("d300", 0.016)])
def test_measured_cells_read_near_their_known_floor(shared, name, floor):
    """Their residuals are smooth: a systematic error of a percent, which the test reports."""
    data = np.load(shared / "data" / "perovskite_eis" / f"pero_{name}.npz")
    keep = data["freqs"] <= 6e6
    Z = (data["Re"] + 1j * data["Im"])[keep, 0]
    result = kramers_kronig(Spectrum(data["freqs"][keep], Z))
    assert 0.5 * floor < result.noise < 1.5 * floor
    assert result.violation in ("drift", "structure") and result.outliers.size == 0


def on_a_grid(freq, Z, beyond):
    """The usual test: relaxations on a grid of times, their number by BIC; noise as a fraction.

    The grid reaches `beyond` decades past each end of the band.
    """
    omega, best = 2 * np.pi * freq, (np.inf, np.nan)
    y = Z / abs(Z)
    for count in range(3, freq.size):
        ends = 1 / omega.max() / 10**beyond, 10**beyond / omega.min()
        times = np.geomspace(*ends, count)
        columns = [1 + 0j * omega, 1j * omega, 1 / (1j * omega)]
        columns += [1 / (1 + 1j * omega * tau) for tau in times]
        A = np.stack(columns, axis=1) / abs(Z)[:, None]
        A = np.concatenate([A.real, A.imag])
        A = A / np.linalg.norm(A, axis=0)
        x, _, rank, _ = scipy.linalg.lstsq(A, np.concatenate([y.real, y.imag]), cond=1e-9)
        left = np.sum((A @ x - np.concatenate([y.real, y.imag])) ** 2)
        bic = len(A) * np.log(left) + rank * np.log(len(A))
        best = min(best, (bic, np.sqrt(left / (len(A) - rank))))
    return best[1]


@pytest.mark.quick
@pytest.mark.parametrize(
    "name, highest",
    # Above 700 kHz PowerSuite's noise is 10 %, five times that of its other points: no one number.
    [("Parstat.txt", np.inf), ("ZPlot_noComments.z", np.inf), ("Powersuite.txt", 7e5)],
)
def test_the_noise_of_exports_is_that_of_a_grid_which_reaches_beyond_the_band(
    shared, name, highest
):
    (s,) = read_spectra(shared / "data" / "instrument_exports" / f"exampleData{name}")
    s = s.within(high=highest)
    assert kramers_kronig(s).noise == pytest.approx(on_a_grid(s.freq, s.Z, 1.0), rel=0.1)
