"""How made devices scatter: moments of the draws, correlations, and what cannot be asked."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxmem as jm
from fitting import Scatter
from fitting.yields.scatter import Spread

pytestmark = pytest.mark.quick
DEVICE = jm.si_device()
DRAWN = np.random.default_rng(0).standard_normal((200_000, 7))


def test_a_number_holds_for_every_parameter_that_is_not_zero():
    spread = Spread(Scatter(0.1), DEVICE)
    assert spread.names == ("R_b", "C_m", "i_c0", "V_T", "V_m", "tau_d", "tau_k")
    values = spread.values(DEVICE, DRAWN)
    designed = [float(getattr(DEVICE, name)) for name in spread.names]
    assert np.median(values, axis=0) == pytest.approx(designed, rel=2e-3)
    assert np.std(np.log(values), axis=0) == pytest.approx(0.1, rel=1e-2)


def test_absolute_widths_and_correlations():
    scatter = Scatter(
        {"R_b": 0.2, lambda d: (d.tau_d, d.tau_k): 0.05}, absolute={"V_T": 0.03},
        correlation={("R_b", "V_T"): -0.6},
    )  # fmt: skip
    spread = Spread(scatter, DEVICE)
    assert spread.names == ("R_b", "tau_d=tau_k", "V_T")
    rows, _ = spread.leaves(DEVICE, DRAWN[:, :3])
    R_b, V_T, tau_d, tau_k = rows[:, [spread.moved.index(k) for k in (0, 3, 5, 6)]].T
    assert np.std(V_T) == pytest.approx(0.03, rel=1e-2) and V_T.mean() == pytest.approx(0.8, 1e-3)
    assert np.corrcoef(np.log(R_b), V_T)[0, 1] == pytest.approx(-0.6, abs=5e-3)
    # One draw moves both by one factor.
    assert tau_d / float(DEVICE.tau_d) == pytest.approx(tau_k / float(DEVICE.tau_k), rel=1e-12)


@given(
    width=st.floats(0.01, 0.5), shift=st.floats(0.001, 0.1), rho=st.floats(-0.95, 0.95),
    x=st.lists(st.floats(-3, 3), min_size=2, max_size=2),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_slopes_are_those_of_differences(width, shift, rho, x):
    scatter = Scatter({"C_m": width}, {"V_T": shift}, {("C_m", "V_T"): rho})
    spread = Spread(scatter, DEVICE)
    _, slopes = spread.leaves(DEVICE, np.array([x]))
    for k in range(2):
        step = 1e-5 * np.eye(2)[k]
        up, down = (spread.leaves(DEVICE, np.array([x]) + s * step)[0][0] for s in (1, -1))
        # Rounding of values up to about 10, over the step, is all that a vanishing slope may show.
        assert slopes[0, :, k] == pytest.approx((up - down) / 2e-5, rel=1e-6, abs=1e-9)


def test_a_matrix_of_correlations_may_be_singular():
    """Two thicknesses that are one."""
    C = np.array([[1.0, 1.0], [1.0, 1.0]])
    spread = Spread(Scatter({"R_b": 0.1, "C_m": 0.2}, correlation=C), DEVICE)
    y = spread.standard(DRAWN[:100, :2])
    assert y[:, 0] == pytest.approx(y[:, 1], abs=1e-9)


@pytest.mark.parametrize(
    "make, words",
    [
        (lambda: Scatter(0.0), "positive"),
        (lambda: Scatter({"R_b": -0.1}), "positive"),
        (lambda: Scatter(0.1, correlation={("R_b", "C_m"): 1.2}), "between -1 and 1"),
        (lambda: Spread(Scatter({"R_x": 0.1}), DEVICE), "no parameter 'R_x'"),
        (lambda: Spread(Scatter({"R_s": 0.1}), DEVICE), "no relative width"),
        (lambda: Spread(Scatter({"V_T": 0.1}, {"V_T": 0.1}), DEVICE), "there twice"),
        (lambda: Spread(Scatter({"R_b": 0.1}, {}, {("R_b", "C_m"): 0.5}), DEVICE), "not scatter"),
        (lambda: Spread(Scatter({"R_b": 0.1}, {}, {("R_b", "R_b"): 0.5}), DEVICE), "itself"),
        (lambda: Spread(Scatter({"R_b": 0.1}, {}, np.eye(2)), DEVICE), "of 1 rows"),
        (lambda: Spread(Scatter({}), DEVICE), "nothing scatters"),
        (
            lambda: Spread(
                Scatter(
                    {"R_b": 0.1, "C_m": 0.1, "i_c0": 0.1},
                    correlation={("R_b", "C_m"): 0.9, ("C_m", "i_c0"): 0.9, ("R_b", "i_c0"): -0.9},
                ),
                DEVICE,
            ),
            "no parameters have these",
        ),
    ],
)
def test_what_no_scatter_is(make, words):
    with pytest.raises(ValueError, match=words):
        make()
