"""Points that are left out by name, and columns per area of the electrode."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from fitting import Spectrum
from fitting.study.area import parse_area
from fitting.study.dropping import dropped, notes_on_dropped
from fitting.study.loading import load_terms
from fitting.study.masks import parse_mask
from fitting.study.spec import Entry, Spec, SpecError
from jaxmem.apps.cli import app

pytestmark = pytest.mark.usefixtures("not_rendered")

FREQ = np.array([1e5, 2e4, 1e3, 100.2, 50.1, 49.8, 10.0, 1.0])
SPECTRUM = Spectrum(FREQ, 100.0 + 50.0 / (1 + 2j * np.pi * FREQ * 1e-3))


@pytest.mark.quick
@pytest.mark.parametrize(
    ("masks", "left_out"),
    [
        (["50Hz"], [4, 5]),
        (["0.1 kHz"], [3]),
        (["103Hz"], [3]),
        (["97.5Hz"], [3]),
        (["1.029kHz"], [2]),
        (["40Hz:60Hz"], [4, 5]),
        (["1kHz:100kHz"], [0, 1, 2]),
        (["0Hz:60Hz"], [4, 5, 6, 7]),
        (["#3:5"], [2, 3, 4]),
        (["#1", "#8"], [0, 7]),
        (["1e4Hz:1MHz", "#8"], [0, 1, 7]),
        ([], []),
    ],
)
def test_masks_name_points_by_frequency_and_by_number(masks, left_out):
    assert np.flatnonzero(dropped(masks, SPECTRUM)[0]).tolist() == left_out


@pytest.mark.quick
@pytest.mark.parametrize(
    "text", ["50", "Hz", "-5Hz", "0Hz", "60Hz:40Hz", "#0", "#5:2", "#x", "#", "40Hz:", "nanHz", ""]
)
def test_what_is_no_mask_is_said_before_anything_runs(text):
    with pytest.raises(SpecError, match="drop"):
        parse_mask(text)
    with pytest.raises(SpecError, match="drop"):
        Entry("spectra", None, {"file": "x.csv", "drop": [text]})


def test_a_mask_that_leaves_out_nothing_says_what_is_near():
    said = r"no point within 3 % of 300Hz; the nearest are at 100.2, 1000 Hz; .*--drop 100Hz:300Hz$"
    with pytest.raises(SpecError, match=said):
        dropped(["300Hz"], SPECTRUM)
    with pytest.raises(SpecError, match="no point at 200Hz:300Hz; the nearest are at"):
        dropped(["200Hz:300Hz"], SPECTRUM)


@pytest.mark.quick
@given(st.floats(1e-3, 1e6))
def test_the_range_that_a_refusal_names_can_be_typed(at):
    text = f"{at:.6g}Hz"
    try:
        out, near = dropped([text], SPECTRUM)
    except SpecError as error:
        typed = re.search(r"--drop (\S+)$", str(error))
        assert typed is not None
        assert abs(FREQ / at - 1).min() > 0.0299
        # In the words of the refusal: the nearer of the neighbours, on the logarithmic scale.
        assert dropped([typed[1]], SPECTRUM)[0][np.argmin(abs(np.log(FREQ / at)))]
    else:
        assert (abs(FREQ / at - 1)[out] < 0.0301).all()
        assert near[text].tolist() == sorted(FREQ[out])


def test_what_one_frequency_leaves_out_is_said(tmp_path):
    file = tmp_path / "l.csv"
    freq = 1e4 * 10 ** (-np.arange(30) / 5.67)  # none at 50 Hz, one 1.6 % from it
    Z = 10 + 100 / (1 + 2j * np.pi * freq * 1e-4)
    rows = [f"{f:.9g},{z.real:.9g},{z.imag:.9g}" for f, z in zip(freq, Z, strict=True)]
    file.write_text("\n".join(["freq_Hz,Re_Z_ohm,Im_Z_ohm", *rows]))
    loaded = load_terms(Spec.of({}, [Entry("spectra", file, {"drop": ["50Hz"]})]))
    (at,) = np.flatnonzero(~loaded.measured[0].used)
    assert freq[at] == pytest.approx(50, rel=0.03)
    said = f"l: drop 50Hz leaves out {freq[at]:.6g} Hz, what lies within 3 % of it"
    assert said in loaded.notes
    both = {"50Hz": np.array([50.1])}
    (one,) = notes_on_dropped([("a", both), ("b", both), ("c", {})])
    assert one.startswith("2 spectra: drop 50Hz leaves out 50.1 Hz")


@pytest.mark.quick
def test_areas_are_read_in_their_units():
    for text, size in (("0.1cm2", 1e-5), ("4 mm2", 4e-6), ("2e-5m2", 2e-5), ("50um^2", 5e-11)):
        assert parse_area(text) == pytest.approx(size)
    for text in ("3", "3cm", "-1cm2", "0cm2", "cm2", "1e999cm2"):
        with pytest.raises(SpecError, match="area"):
            Spec.of({"area": text})


def test_columns_per_area_need_the_area_and_results_come_in_both(tmp_path):
    area = 0.2  # cm2
    file = tmp_path / "cell.csv"
    Z = 100 + 2e3 / (1 + 2j * np.pi * (f := np.geomspace(1e6, 1, 30)) * 2e3 * 1e-8)
    rng = np.random.default_rng(3)
    Z = Z * (1 + 1e-3 * (rng.normal(size=30) + 1j * rng.normal(size=30))) * area
    rows = [f"{a:.9g},{b:.9g},{c:.9g}" for a, b, c in zip(f, Z.real, Z.imag, strict=True)]
    file.write_text("\n".join(["freq (Hz),Re Z (ohm cm2),Im Z (ohm cm2)", *rows]) + "\n")
    entry = Entry("spectra", file, {"drop": ["#1"]})
    loaded = load_terms(Spec.of({"area": f"{area}cm2"}, [entry])).measured[0]
    assert loaded.whole.Z == pytest.approx(Z / area, rel=1e-7)
    assert loaded.used.tolist() == [False, *[True] * 29]
    runner, out = CliRunner(), tmp_path / "out"
    refused = runner.invoke(app, ["fit", str(file), "--out", str(out)])
    assert refused.exit_code == 2 and "--area" in refused.output
    asked = ["fit", str(file), "--area", f"{area}cm2", "--circuit", "R-p(R,C)", "--out", str(out)]
    done = runner.invoke(app, asked)
    assert done.exit_code == 0, done.output
    record = json.loads((out / "fit.json").read_text())
    own = {p["name"]: p["value"] for p in record["parameters"]}
    assert own == pytest.approx({"R1": 100, "R2": 2e3, "C1": 1e-8}, rel=0.01)
    per = {r["name"]: (r["value"], r["unit"]) for r in record["per_area"]["rows"]}
    assert per["R2"] == (pytest.approx(own["R2"] * area), "ohm cm2")
    assert per["C1"] == (pytest.approx(own["C1"] / area), "F/cm2")
