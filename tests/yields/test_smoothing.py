"""The smoothed count: its gradient against differences, and the count that it goes to."""

import numpy as np
import pytest

from fitting.yields.limits import Limits
from fitting.yields.smoothing import EnsembleCoordinates, smoothed_count

pytestmark = pytest.mark.quick


@pytest.fixture
def found():
    rng = np.random.default_rng(3)
    r = rng.normal(size=(400, 2)) * 0.2
    r[:40] = np.nan  # no cycle
    margin = np.where(np.isnan(r[:, 0]), 1.0, -1.0) * rng.uniform(0.05, 0.3, 400)
    margin[:10] = np.nan  # and nothing else is known of these
    by, margin_by = rng.normal(size=(400, 2, 3)), rng.normal(size=(400, 3))
    return EnsembleCoordinates(r, by, margin, margin_by, True)


LIMITS = Limits(np.array([-0.15, -np.inf]), np.array([0.12, 0.2]))


def test_it_goes_to_the_count(found):
    within = (found.r > LIMITS.low) & (found.r < LIMITS.high)
    share = np.mean(np.all(within, axis=1) & (found.margin < 0))
    assert 0.3 < share < 0.8
    assert smoothed_count(found, LIMITS, 1e-4)[0] == pytest.approx(share, abs=1e-9)
    assert abs(smoothed_count(found, LIMITS, 0.3)[0] - share) > 0.01


def test_one_device_by_hand():
    """The formula written out: two limits 0.2 apart, a margin of -0.05, a width of a half."""
    logistic = lambda x: 1 / (1 + np.exp(-x))
    one = EnsembleCoordinates(
        np.array([[0.03]]), np.zeros((1, 1, 2)), np.array([-0.05]), np.zeros((1, 2)), True
    )
    found, _ = smoothed_count(one, Limits(np.array([-0.1]), np.array([0.1])), 0.5)
    by_hand = logistic(0.13 / 0.05) * logistic(0.07 / 0.05) * logistic(0.05 / (0.5 * 0.1))
    assert found == pytest.approx(by_hand, rel=1e-12)


@pytest.mark.parametrize("width", [1.0, 0.3, 0.1])
@pytest.mark.parametrize("asked", [True, False])
def test_its_gradient_is_that_of_differences(found, width, asked):
    found = found._replace(asked=asked)
    _, gradient = smoothed_count(found, LIMITS, width)
    for k in range(3):
        step = 1e-6 * np.eye(3)[k]
        up, down = (smoothed_count(found.moved(s * step), LIMITS, width)[0] for s in (1, -1))
        assert gradient[k] == pytest.approx((up - down) / 2e-6, rel=1e-6, abs=1e-9)
