"""What residuals are divided by: the optimum of each weighting, and the verdict under it."""

import numpy as np
import pytest
from scipy.optimize import least_squares

from fitting import MultiStart, Spectrum, fit, fit_many
from fitting.models.network import network_model
from jaxmem.networks import read_network

FREQ = np.geomspace(1e5, 1.0, 40)
TRUTH = np.log([50.0, 1e-6, 2e3])


def impedance(x, second=0.0):
    """R-p(C,R) by hand, and `second` ohm with a time of 10 ms behind it."""
    R, C, R2 = np.exp(x)
    s = 2j * np.pi * FREQ
    return R + 1 / (1 / R2 + s * C) + second / (1 + 1e-2 * s)


def sizes(Z, weighting):
    """What the noise of Re Z and of Im Z is in proportion to, by hand."""
    return {
        "modulus": (abs(Z), abs(Z)),
        "unit": (np.full(Z.shape, 400.0), np.full(Z.shape, 400.0)),
        "proportional": (abs(Z.real), abs(Z.imag)),
        "sigma": (3.0 + 0.01 * abs(Z), 1.0 + 0.03 * abs(Z)),
    }[weighting]


def drawn(weighting, seed, second=0.0):
    rng = np.random.default_rng(seed)
    Z = impedance(TRUTH, second)
    a, b = sizes(Z, weighting)
    Z = Z + 5e-3 * (a * rng.normal(size=Z.size) + 1j * b * rng.normal(size=Z.size))
    if weighting == "sigma":
        return Spectrum(FREQ, Z, sigma=5e-3 * np.stack(sizes(impedance(TRUTH), weighting)))
    return Spectrum(FREQ, Z, weighting=weighting)


@pytest.fixture(scope="module")
def setup():
    return network_model(read_network("R-p(C,R)"), spectrum=drawn("modulus", 0))


@pytest.mark.parametrize("weighting", ["modulus", "unit", "proportional", "sigma"])
def test_the_optimum_is_that_of_residuals_written_by_hand(setup, weighting):
    spectra = [drawn(weighting, k) for k in range(4)]
    starts = MultiStart(8, setup.box)
    many = fit_many(spectra, setup.model, setup.space, starts=starts)
    for k, spectrum in enumerate(spectra):
        Z = spectrum.Z
        a, b = sizes(impedance(TRUTH) if weighting == "sigma" else Z, weighting)

        def residual(x, Z=Z, a=a, b=b):
            off = impedance(x) - Z
            return np.concatenate([off.real / a, off.imag / b])

        theirs = least_squares(residual, TRUTH, xtol=1e-14, ftol=1e-14, gtol=1e-14)
        ours = fit(spectrum, setup.model, setup.space, starts=starts)
        np.testing.assert_allclose(np.log(ours.values), theirs.x, atol=1e-7)
        # The covariance of least squares; its scale is found, or 5e-3 as it was given.
        noise = 5e-3 if weighting == "sigma" else np.sqrt(2 * theirs.cost / (2 * FREQ.size - 3))
        error = noise * np.sqrt(np.diag(np.linalg.inv(theirs.jac.T @ theirs.jac)))
        np.testing.assert_allclose(ours.standard_errors, error, rtol=1e-4)
        for name in ("values", "standard_errors", "chi2", "noise"):
            got = getattr(many, name)[k]
            np.testing.assert_allclose(got, getattr(ours, name), rtol=1e-7, err_msg=name)
        description = ours.terms[0].description
        assert ours.describes == "yes" and 0.75 < description.excess < 1.3


@pytest.mark.parametrize("weighting", ["unit", "proportional", "sigma"])
def test_a_missing_arc_is_seen_under_every_weighting(setup, weighting):
    spectrum = drawn(weighting, 7, second=150.0)
    found = fit(spectrum, setup.model, setup.space, starts=MultiStart(8, setup.box), throw=False)
    assert found.describes != "yes"


def test_spectra_of_one_fit_may_have_their_own_weights(setup):
    spectra = [drawn(w, 3) for w in ("modulus", "unit", "proportional")]
    found = fit(spectra, setup.model, setup.space, starts=MultiStart(8, setup.box))
    np.testing.assert_allclose(np.log(found.values), TRUTH, atol=0.02)
    size = np.sqrt(np.mean(abs(spectra[1].Z) ** 2))
    scales = [report.scale for report in found.terms]
    np.testing.assert_allclose(scales, [5e-3, 5e-3 * 400 / size, 5e-3], rtol=0.25)


@pytest.mark.quick
@pytest.mark.usefixtures("as_users_call")
def test_weights_that_cannot_be_are_refused():
    Z = impedance(TRUTH)
    with pytest.raises(ValueError, match="no weighting 'boukamp'; there are modulus, unit, prop"):
        Spectrum(FREQ, Z, weighting="boukamp")
    with pytest.raises(ValueError, match="sigma is the standard deviation itself"):
        Spectrum(FREQ, Z, weighting="unit", sigma=1.0)
    with pytest.raises(ValueError, match="Im Z is 0 at 1 Hz and has no proportional weight"):
        Spectrum(FREQ, np.where(FREQ == 1.0, Z.real, Z), weighting="proportional")
    with pytest.raises(ValueError, match=r"a number or of shape \(40,\) or \(2, 40\), got \(3, 40"):
        Spectrum(FREQ, Z, sigma=np.ones((3, 40)))
