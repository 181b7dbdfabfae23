"""A file that several commands are given."""

import numpy as np
import pytest

from benchmarks.problems.circuits_by_hand import TRUTHS, noisy
from fitting import write_spectra_csv


@pytest.fixture(scope="session")
def inductor(tmp_path_factory):
    """One spectrum of a chemical inductor in a file."""
    path = tmp_path_factory.mktemp("data") / "inductor.csv"
    write_spectra_csv(path, [noisy(TRUTHS[0], np.random.default_rng(3))])
    return path
