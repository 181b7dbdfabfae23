"""A sample that decides a parameter alone is named; where several share in it nothing is said."""

import numpy as np
import pytest

import jaxmem as jm
from fitting import Free, MultiStart, Space, Trace, fit
from jaxmem.output.numbers import engineering

R_B, C_M, R_S = 1e3, 1e-6, 100.0
TAU = C_M * R_B * R_S / (R_B + R_S)


def closed_form(t):
    """The current behind R_s after a step of 1 V: all through C_m first, then through R_b."""
    return 1 / (R_B + R_S) + (1 / R_S - 1 / (R_B + R_S)) * np.exp(-t / TAU)


@pytest.mark.parametrize("early", [(0.4,), (0.2, 0.4, 0.7, 1.1)])
def test_the_only_sample_of_a_relaxation_is_named(early):
    t = TAU * np.array([*early, *np.arange(20.0, 40.0)])
    noise = 1e-5 * np.random.default_rng(7).normal(size=len(t))
    trace = Trace(t, jm.VoltageDrive(jm.Step(1.0)), closed_form(t) + noise, sigma=1e-5)
    device = jm.Device(2e-6, {"leak": jm.Leak(1.5e3)}, R_S)
    space = Space(Free(lambda d: d.C_m), Free(lambda d: d.branches["leak"].R_b))
    found = fit([trace], device, space, starts=MultiStart(2), seed=1)
    assert found["C_m"] == pytest.approx(C_M, rel=0.01)
    (report,) = found.terms
    words = [line for line in found.statements() if "alone" in line]
    if len(early) > 1:
        assert report.high_leverage == () and not words
    else:
        assert report.high_leverage == (engineering(t[0], "s", 3),)
        assert report.high_leverage[0] in words[0] and "other starts may end elsewhere" in words[0]
