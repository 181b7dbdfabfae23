"""Voltages in names of files and folders, taken where they mean one thing."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fitting import Spectrum, write_spectra_csv
from fitting.readers.file_names import base_names, bias_in_name
from fitting.study.loading import load_terms
from fitting.study.spec import Entry, Spec


@pytest.mark.quick
@pytest.mark.parametrize(
    ("path", "volts"),
    [
        ("cell_0559mV.csv", 0.559),
        ("0.7V.txt", 0.7),
        ("eis -0.5V run 2.mpt", -0.5),
        ("eis_-500mV_run2.mpt", -0.5),
        ("+0.25 V.csv", 0.25),
        ("cell_\u22120.5V.csv", -0.5),
        ("cell3_1V_5uA.csv", 1.0),
        ("0800mV/eis_3.csv", 0.8),
        ("0800mV/eis_0.7V.csv", 0.7),
    ],
)
def test_a_voltage_in_a_name_is_the_bias(path, volts):
    found = bias_in_name(Path(path))
    assert found.value == pytest.approx(volts)
    assert f"{volts:g} V" in found.note


@pytest.mark.quick
@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("cell-0.5V.csv", "minus or a hyphen"),
        ("from_0.1V_to_0.9V.csv", "0.1V and 0.9V"),
        ("neg_0.5V.csv", "negative"),
        ("m_0.5V.csv", "negative"),
        ("ac_10mV_rms.csv", "no bias"),
        ("eis 10mV AC.csv", "no bias"),
        ("V5.csv", ""),
        ("10mVac.csv", ""),
        ("1.2.3V.csv", ""),
        ("eis.csv", ""),
    ],
)
def test_what_may_mean_something_else_is_not_taken(path, why):
    found = bias_in_name(Path(path))
    assert found.value is None
    assert why in found.note and bool(why) == bool(found.note)


@pytest.mark.quick
@given(st.integers(-2000, 2000), st.booleans())
def test_any_voltage_written_with_underscores_is_read_back(millivolts, in_volts):
    text = f"{millivolts / 1000:.3f}V" if in_volts else f"{millivolts}mV"
    assert bias_in_name(Path(f"a_{text}_b.csv")).value == pytest.approx(millivolts / 1000)


def test_the_file_and_the_user_come_before_the_name(tmp_path):
    freq = np.geomspace(1e5, 1, 20)
    Z = 100 + 1e3 / (1 + 2j * np.pi * freq * 1e-4)
    bare, told = tmp_path / "cell_0.7V.csv", tmp_path / "other_0.7V.csv"
    write_spectra_csv(bare, [Spectrum(freq, Z)])
    write_spectra_csv(told, [Spectrum(freq, Z, V=0.4)])
    entries = [
        Entry("spectra", bare),
        Entry("spectra", told),
        Entry("spectra", bare, {"bias": 0.1}),
    ]
    loaded = load_terms(Spec.of({}, entries))
    assert [s.bias for s in loaded.terms] == [("V", 0.7), ("V", 0.4), ("V", 0.1)]
    assert [note for note in loaded.notes if "0.7 V, is from its name" in note]


@pytest.mark.quick
def test_files_of_one_name_carry_their_folder(tmp_path):
    freq = np.geomspace(1e5, 1, 20)
    files = [tmp_path / folder / "eis.csv" for folder in ("0.5V", "0.6V", "0.7V")]
    for file in files:
        file.parent.mkdir()
        write_spectra_csv(file, [Spectrum(freq, 100 + 1e3 / (1 + 2j * np.pi * freq * 1e-4))])
    loaded = load_terms(Spec.of({}, [Entry("spectra", file) for file in files]))
    assert [m.fitted.name for m in loaded.measured] == ["0.5V/eis", "0.6V/eis", "0.7V/eis"]
    (note,) = loaded.notes
    assert note == "The biases of 3 spectra, 0.5 to 0.7 V, are from the folders of their files"
    one = load_terms(Spec.of({}, [Entry("spectra", files[0])]))
    assert one.measured[0].fitted.name == "eis"
    assert one.notes == ["0.5V/eis.csv: the bias, 0.5 V, is from its folder"]


@pytest.mark.quick
@pytest.mark.parametrize(
    "paths, names",
    [
        (["x/a.csv", "y/b.csv"], ["a", "b"]),
        (["x/a.csv", "y/a.csv", "y/b.csv"], ["x/a", "y/a", "b"]),
        (["x/a.csv", "x/a.txt"], ["a.csv", "a.txt"]),
        (["p/x/a.csv", "q/x/a.csv"], ["p/x/a.csv", "q/x/a.csv"]),
        (["x/a.csv", "y/a.csv", "y/a.txt"], ["x/a", "a.csv", "a.txt"]),
        (["x/a.csv", "x/a.csv"], ["a"]),
    ],
)
def test_each_file_has_a_name_of_its_own(paths, names):
    called = base_names([Path(p) for p in paths])
    assert [called[Path(p)] for p in dict.fromkeys(paths)] == names
