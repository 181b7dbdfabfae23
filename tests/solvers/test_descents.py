"""A sample of the descents by optax that the benchmark `joint_studies` makes by the fifty."""

import numpy as np
import pytest

from benchmarks.problems.studies import SPACE, part_of_a_study, starts_around, truth_of
from fitting import Descent, fit

# Of the benchmark: the first of its fifty.
SEED = 0


# Thousands of steps that each integrate in time take minutes.
@pytest.mark.slow
@pytest.mark.parametrize("kind", ["spectra", "loop", "pulse"])
def test_a_truth_is_found_from_one_kind_of_data(kind):
    # From within 1.5 of the truth, up to what is declared as not identifiable.
    printed = 0
    for k in range(2):
        rng, data, device = part_of_a_study(kind, SEED, k)
        starts = starts_around(rng, device, n=1, factor=1.5)
        found = fit(data, device, SPACE, solver=Descent(), starts=starts, throw=False)
        off = np.abs(found.z - truth_of(found, device)) / found.standard_errors
        assert (off[found.identifiable] < 3).all(), k
        printed += int(found.identifiable.sum())
    assert printed >= 5
