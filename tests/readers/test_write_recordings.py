"""Recordings are checked, written, and read back exactly."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from readers.recording_files import I, T, V, swapped

from fitting import Recording, read_recordings, write_recording_csv

SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


VALUES = st.floats(-1e30, 1e30)


@st.composite
def any_recordings(draw):
    n = draw(st.integers(8, 12))
    some = st.lists(VALUES, min_size=n, max_size=n)
    used = draw(st.lists(st.booleans(), min_size=n, max_size=n))
    V, I = (np.array(draw(some)) for _ in range(2))
    return Recording(np.sort(draw(some)), V, I, np.array(used), notes=("synthetic",))


@given(any_recordings())
@SAME_FOLDER
def test_writing_and_reading_is_exact(tmp_path, recording):
    path = tmp_path / "r.csv"
    write_recording_csv(path, recording)
    (back,) = read_recordings(path)
    for name in ("t", "V", "I", "used"):
        assert np.array_equal(getattr(recording, name), getattr(back, name))


def test_what_is_written(tmp_path):
    path = tmp_path / "r.csv"
    write_recording_csv(path, Recording(T, V, I, T > 2))
    header, first = path.read_text().splitlines()[:2]
    assert header == "t_s,V_V,I_A,used"
    assert first == f"{float(T[0])!r},{float(V[0])!r},{float(I[0])!r},0"


@pytest.mark.usefixtures("as_users_call")
def test_a_recording_checks_its_arrays():
    for wrong in ((T, V, I[1:]), (T, V, I, [True]), ([T], [V], [I]), ([], [], [])):
        with pytest.raises(ValueError, match="equally long rows"):
            Recording(*wrong)
    with pytest.raises(ValueError, match="V must be finite"):
        Recording(T, np.where(T > 2, np.nan, V), I)
    with pytest.raises(ValueError, match="the time falls at sample 6"):
        Recording(swapped, V, I)
    assert Recording(list(T), V, I).used.all()
