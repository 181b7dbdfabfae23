"""The files of real instruments: the numbers below stand in the files on the lines given, and
are also taken from there by splitting the line."""

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from readers.spectrum_files import reads_or_refuses

from fitting.readers import ReadError, read_spectra

pytestmark = pytest.mark.quick


class Export(NamedTuple):
    """What a file holds: points, bias, separator, columns (frequency, Re, Im), sign of Im."""

    points: int
    V: float | None
    separator: str
    columns: tuple[int, int, int]
    sign: int
    # The lines of the first and the last point, and what stands there.
    first: tuple[int, float, float, float]
    last: tuple[int, float, float, float]


EXPORTS = {
    "exampleData.csv": Export(
        *(66, None, ",", (0, 1, 2), 1),
        first=(1, 0.0031623, 0.0494998977640506, -0.02043869854441892),
        last=(66, 10000.0, 0.01577148266048593, 0.01015747456493824),
    ),
    "exampleDataAutolab.txt": Export(
        *(41, None, ",", (0, 4, 5), 1),
        first=(12, 10000.0, 0.013785863964281, 0.007191946305823),
        last=(52, 0.1, 0.0345697771923854, -0.00390292888845954),
    ),
    "exampleDataBioLogic.mpt": Export(
        *(43, -0.00027, "\t", (0, 1, 2), -1),
        first=(62, 1000.3201, 65.470886, 0.38998979),
        last=(104, 0.01689554, 110.97003, 2.3458567),
    ),
    "exampleDataCHInstruments.txt": Export(
        *(73, None, ",", (0, 1, 2), 1),
        first=(19, 99610.0, 98.91, -2.748),
        last=(91, 0.1, 5685.0, -15860.0),
    ),
    "exampleDataGamry.DTA": Export(
        *(72, -0.34111, "\t", (3, 4, 5), 1),
        first=(449, 200015.6, 825.8584, -1367.239),
        last=(520, 0.0158898, 17007.49, -6635.557),
    ),
    "exampleDataParstat.txt": Export(
        *(31, 3.50029397010803, "\t", (3, 4, 5), 1),
        first=(783, 10000.0, -0.00049816280376104, 0.0175143479976367),
        last=(813, 10.0, 0.0270946491457229, -0.00399791080333837),
    ),
    "exampleDataPowersuite.txt": Export(
        *(30, None, "\t", (0, 1, 2), 1),
        first=(2, 0.1, 423929.46, -49014.063),
        last=(31, 2000000.0, -470.54113, -1397.7358),
    ),
    "exampleDataVersaStudio.par": Export(
        *(61, 0.0, ",", (9, 14, 15), 1),
        first=(117, 100000.0, 55.31571, 4.575431),
        last=(177, 0.02154435, 1516.313, -122.8279),
    ),
    "exampleDataZPlot.z": Export(
        *(21, 0.0, "\t", (0, 4, 5), 1),
        first=(124, 300000.0, 147.77, -11.335),
        last=(144, 3000.0, 613.68, -137.13),
    ),
    "exampleDataZPlot_noComments.z": Export(
        *(31, 0.0, ",", (0, 4, 5), 1),
        first=(11, 300000.0, 642.62, -85.821),
        last=(41, 300.0, 1305.3, -195.01),
    ),
    "Circuit2_EIS_1.z": Export(
        *(56, 0.0, "\t", (0, 4, 5), 1),
        first=(124, 300000.0, 147.77, -11.335),
        last=(179, 1.0, 654.19, 0.64271),
    ),
}


@pytest.fixture
def measured(shared):
    folder = shared / "data"
    if not folder.is_dir():
        pytest.skip(f"no folder {folder.name}/ of measurements beside the checkout")
    return folder


@pytest.mark.parametrize("name", EXPORTS)
def test_real_exports(measured, name):
    e = EXPORTS[name]
    path = measured / "instrument_exports" / name
    (s,) = read_spectra(path)
    assert len(s.freq) == e.points
    # The dc potentials of BioLogic and Gamry are measured and scatter.
    assert s.V is None if e.V is None else s.V == pytest.approx(e.V, abs=5e-6)
    lines = path.read_bytes().replace(b"\r", b"").split(b"\n")
    for k, (line, *values) in ((0, e.first), (-1, e.last)):
        cells = lines[line - 1].split(e.separator.encode())
        freq, re, im = (float(cells[i]) for i in e.columns)
        assert [freq, re, im] == pytest.approx(values, rel=1e-14)
        assert (s.freq[k], s.Z[k].real, s.Z[k].imag) == (freq, re, e.sign * im)
    # At mid frequencies all of them are capacitive.
    middle = np.argsort(s.freq)[e.points // 3 : e.points // 2]
    assert np.median(s.Z.imag[middle]) < 0


def test_the_real_aborted_run(measured):
    folder = measured / "instrument_exports"
    with pytest.warns(UserWarning, match="aborted; its 72 valid points are read"):
        (s,) = read_spectra(folder / "exampleDataGamryABORT.DTA")
    assert s.freq[0] == 200015.6 and s.Z[0] == 825.8584 - 1367.239j
    assert len(s.freq) == 72 and s.V == pytest.approx(-0.34111, abs=5e-6)


def test_the_real_export_without_frequencies_is_refused(measured):
    path = measured / "instrument_exports" / "exampleDataBioLogic_MissingFreq.mpt"
    with pytest.raises(ReadError, match=r"MissingFreq\.mpt, line 61: no column for frequency"):
        read_spectra(path)


@pytest.mark.parametrize("name", ["pero_l300.npz", "pero_d300.npz"])
def test_the_ageing_cells(measured, name):
    path = measured / "perovskite_eis" / name
    spectra = read_spectra(path)
    assert len(spectra) == 48
    with np.load(path) as arrays:
        for k, s in enumerate(spectra):
            assert np.array_equal(s.freq, arrays["freqs"])
            assert np.array_equal(s.Z, arrays["Re"][:, k] + 1j * arrays["Im"][:, k])
            assert s.time == 3600 * arrays["t_hours"][k] and s.bias[0] is None
    assert spectra[-1].time == pytest.approx(24.7 * 3600)
    first = {"pero_l300.npz": 24.252218 + 8.736064j, "pero_d300.npz": 22.498804 + 8.4547491j}
    assert spectra[0].Z[0] == first[name]


def test_current_voltage_loops_are_sent_elsewhere(measured):
    files = sorted((measured / "memristor_iv").glob("*.csv"))
    assert files
    for path in files:
        with pytest.raises(ReadError, match=r"line 1: .*current-voltage trace.*read_trace"):
            read_spectra(path)


def test_no_real_file_escapes_as_another_error(measured):
    for path in sorted(measured.rglob("*.*")):
        reads_or_refuses(Path(path))
