"""What the page Fit asks for is a specification, of the files that were dropped and no others."""

import json
import zipfile
from io import BytesIO

import numpy as np
import pytest

from fitting import Spectrum, write_spectra_csv
from fitting.study.masks import parse_mask
from fitting.study.spec import SETTINGS
from fitting.study.spec_file import read_spec
from jaxmem.apps.app.fits.asked import FIRST, LATER, spec_of, write_asked
from jaxmem.apps.app.fits.circuit_drawing import circuit_svg
from jaxmem.apps.app.fits.dropped import Dropped, as_curve, read_dropped
from jaxmem.apps.app.fits.looked_at import look_at
from jaxmem.apps.app.fits.masking import toggled, touched
from jaxmem.apps.app.fits.taken_home import archive_of, parameter_rows
from jaxmem.apps.app.workshop import MOST, Workshops

pytestmark = pytest.mark.quick


@pytest.fixture
def spectrum(tmp_path):
    """A spectrum of R and C in a file."""
    freq = np.geomspace(1, 1e5, 25)
    path = tmp_path / "eis.csv"
    write_spectra_csv(path, [Spectrum(freq, 50 + 1 / (2j * np.pi * freq * 1e-8 + 1e-4))])
    return path


def test_a_spectrum_is_read_and_what_is_said_of_it_is_asked(spectrum):
    file = read_dropped(spectrum)
    assert file.kind == "spectra" and "25 points, 1 Hz to 100 kHz" in file.what
    file = Dropped(spectrum, "spectra", said={"bias": "0.7", "min_freq": " 10 "}, drop=("#3:4",))
    spec = spec_of([file], {"device": "rc", "fixed": "R_s=50", "add": ["cpe"], "starts": "7"})
    assert spec.fixed == {"R_s": 50.0} and spec.add == ("cpe",) and spec.starts == 7
    (entry,) = spec.entries
    assert dict(entry.options) == {"bias": 0.7, "min_freq": 10.0, "drop": ("#3:4",)}


def test_it_is_the_specification_that_the_command_line_reads(spectrum):
    spec = spec_of([read_dropped(spectrum)], {"device": "3d", "compare": True})
    text = write_asked(spec, spectrum.parent)
    again = read_spec(spectrum.parent / "fit.toml")
    assert (again.device, again.compare, again.starts) == ("3d", True, 24)
    assert 'file = "eis.csv"' in text and str(spectrum.parent) not in text


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ({"device": "/etc/device.toml"}, "device is one of"),
        ({"circuit": "../circuit.toml"}, "write the circuit itself"),
        ({"circuit": "R-nonsense"}, "circuit"),
        ({"starts": "many"}, "whole number, got 'many'"),
        ({"fixed": "R_s"}, "NAME=NUMBER"),
        ({"ranges": "R_s=3"}, "NAME=LOW:HIGH"),
    ],
)
def test_no_path_and_no_nonsense_is_taken(spectrum, said, says):
    with pytest.raises(ValueError, match=says):
        spec_of([read_dropped(spectrum)], said)


def test_a_wrong_file_says_why_and_is_not_fitted(tmp_path, spectrum):
    wrong = tmp_path / "wrong.csv"
    wrong.write_text("name,colour\nring,blue\n")
    file = read_dropped(wrong)
    assert file.problem and not file.kind and str(tmp_path) not in file.problem
    with pytest.raises(ValueError, match="nothing to fit yet"):
        spec_of([file], {})
    assert len(spec_of([file, read_dropped(spectrum)], {}).entries) == 1


def test_a_specification_is_not_followed_and_a_device_is(tmp_path, spectrum):
    import jaxmem as jm

    (tmp_path / "fit.toml").write_text('[[spectra]]\nfile = "/etc/passwd"\n')
    assert "names files on disk" in read_dropped(tmp_path / "fit.toml").problem
    jm.write_device(tmp_path / "device.toml", jm.si_device())
    device = read_dropped(tmp_path / "device.toml")
    spec = spec_of([device, read_dropped(spectrum)], {"device": "2d"})
    assert spec.device_file == tmp_path / "device.toml"


def test_a_recording_may_be_a_steady_curve(tmp_path):
    path = tmp_path / "loop.csv"
    V = np.concatenate([np.linspace(0, 1, 30), np.linspace(1, 0, 30)])
    rows = "".join(f"{t:g},{v:g},{1e-3 * v:g}\n" for t, v in enumerate(V))
    path.write_text("t (s),V (V),I (A)\n" + rows)
    file = read_dropped(path)
    assert file.kind == "trace" and "60 samples" in file.what
    assert as_curve(file, True).entry().kind == "curve"
    seen = look_at(spec_of([file], {}))
    assert set(seen.panels) == {"traces"}


def test_what_is_clicked_is_left_out_and_taken_back(spectrum):
    file = read_dropped(spectrum)
    seen = look_at(spec_of([file], {}))
    assert seen.consistency and set(seen.panels) == {"nyquist", "modulus", "consistency"}
    clicked = [{"curveNumber": 0, "pointNumber": k} for k in (2, 3, 7, 99)]
    found = touched(seen.points, [*clicked, {"curveNumber": 8, "pointNumber": 0}, {}])
    assert found == {str(spectrum): [3, 4, 8]}
    masked = Dropped(spectrum, "spectra", drop=toggled(("50Hz",), found[str(spectrum)]))
    assert masked.drop == ("50Hz", "#3:4", "#8")
    again = look_at(spec_of([Dropped(spectrum, "spectra", drop=("#3:4", "#8"))], {}))
    used, out = again.points
    assert out[1] == [3, 4, 8] and len(used[1]) == 22
    # Those that are left out are a curve of their own, and a click takes them back.
    back = touched(again.points, [{"curveNumber": 1, "pointNumber": 1}])
    assert toggled(("#3:4", "#8"), back[str(spectrum)]) == ("#3", "#8")
    for text in masked.drop:
        parse_mask(text)


def test_the_form_has_every_setting_once():
    assert sorted((*FIRST, *LATER)) == sorted(SETTINGS)


def test_a_circuit_is_drawn_and_no_file_is_opened():
    assert circuit_svg("LR(QR)(RC)").startswith("<svg")
    assert circuit_svg(" ") == ""
    with pytest.raises(ValueError, match="circuit itself"):
        circuit_svg("/etc/circuit.toml")
    with pytest.raises(ValueError):
        circuit_svg("no circuit")


def test_visits_are_apart_and_end_with_their_last_tab():
    visits = Workshops()
    one, two = visits.new(), visits.new()
    one.viewers |= {"a", "b"}
    assert one.folder != two.folder and visits.named(one.name) is one
    assert visits.named("../../etc") is None and visits.named("x" * 24) is None
    stopped = []
    one.on_close.append(lambda: stopped.append(True))
    visits.leave(one, "a")
    assert one.folder.is_dir() and not stopped
    visits.leave(one, "b")
    assert not one.folder.exists() and stopped and visits.named(one.name) is None
    for _ in range(MOST + 3):
        last = visits.new()
    assert not two.folder.exists() and last.folder.exists()
    visits.close()
    assert not last.folder.exists()


def test_what_is_taken_home_is_data_and_results_alone(tmp_path):
    for name in ("data/eis.csv", "fit/fit.json", "fit/spectra/0/fit.csv", "fit.toml", "fit.log"):
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")
    names = zipfile.ZipFile(BytesIO(archive_of(tmp_path))).namelist()
    assert names == ["jaxmem/fit.toml", "jaxmem/data/eis.csv", "jaxmem/fit/fit.json",
                     "jaxmem/fit/spectra/0/fit.csv"]  # fmt: skip


def test_parameters_of_a_fit_as_rows(tmp_path):
    rows = [{"name": "R_b", "unit": "ohm", "value": 12340.0, "low": 1.2e4, "high": 1.3e4,
             "reasons": []},
            {"name": "C_m", "unit": "F", "value": 1e-8, "low": None, "high": None,
             "reasons": ["the data do not feel it"]}]  # fmt: skip
    (tmp_path / "fit").mkdir()
    (tmp_path / "fit" / "fit.json").write_text(json.dumps({"parameters": rows}))
    first, second = parameter_rows(tmp_path)
    assert first["value"] == "12.34 kΩ" and first["interval"] == "12 kΩ to 13 kΩ"
    assert second["interval"] == "" and "do not feel" in second["remark"]
