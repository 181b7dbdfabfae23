"""Columns that say the impedance twice are compared, and the phase tells the sign."""

import numpy as np
import pytest
from readers.spectrum_files import FREQ, Z, impedance, rows, same

from fitting.readers import ReadError, read_spectra

pytestmark = pytest.mark.quick

MOD, DEG = abs(Z), np.angle(Z, deg=True)
ALL = (FREQ, Z.real, Z.imag, MOD, DEG)

AGREE = {
    "Frequency (Hz)\tZ' (Ω)\t-Z'' (Ω)\tZ (Ω)\t-Phase (°)": (FREQ, Z.real, -Z.imag, MOD, -DEG),
    "f/Hz\t|Z|/Ohm\tZ/Ohm\tPhase/deg\tIm(Z)/Ohm": (FREQ, MOD, MOD, DEG, Z.imag),
    "freq/Hz\tRe(Z)/Ohm\tIm(Z)/Ohm\tphase": (FREQ, Z.real, Z.imag, np.angle(Z)),
    "freq\tZreal\tZimag\tR/Ohm\tx\tf": (FREQ, Z.real, Z.imag, 0 * FREQ, 0 * FREQ, 0 * FREQ),
    "freq/Hz\tR/Ohm\tX/Ohm": (FREQ, Z.real, Z.imag),
    "freq/Hz\t|Z|/Ohm\tphase/deg\tR/Ohm\tX/Ohm": (FREQ, MOD, DEG, 0 * FREQ, 0 * FREQ),
}


@pytest.mark.parametrize("header", AGREE)
def test_columns_that_agree_are_read(put, header):
    assert same(read_spectra(put("a.txt", f"{header}\n{rows(*AGREE[header], sep=chr(9))}"))[0])


OPPOSITE = {
    "freq,Zre,Zim,Phase/deg": (FREQ, Z.real, -Z.imag, DEG),
    "freq,Zre,Zim,-Phase/deg": (FREQ, Z.real, -Z.imag, -DEG),
    "freq,Zre,-Zim,Phase/deg": (FREQ, Z.real, -Z.imag, -DEG),
    "freq,|Z|,Phase/deg,Zim": (FREQ, MOD, DEG, -Z.imag),
    "freq,|Z|,Phase/rad,-Zim": (FREQ, MOD, -np.angle(Z), -Z.imag),
}


@pytest.mark.parametrize("header", OPPOSITE)
def test_signs_that_differ_are_settled_and_said(put, header):
    with pytest.warns(UserWarning, match="holds .* and is read so"):
        (s,) = read_spectra(put("a.csv", f"{header}\n{rows(*OPPOSITE[header])}"))
    assert same(s)


def changed(row, column, factor):
    table = np.array(ALL).T.copy()
    table[row, column] *= factor
    return "freq,Re,Im,|Z|,Phase/deg\n" + rows(*table.T)


@pytest.mark.parametrize("column, name", [(1, "Z"), (2, "Z"), (3, r"\|Z\|"), (4, "Phase/deg")])
@pytest.mark.parametrize("row", [0, 7, 12])
def test_a_row_that_contradicts_itself_is_named(put, column, name, row):
    for factor in (10.0, 1.1, 0.9):
        with pytest.raises(ReadError, match=rf"line {row + 2}: .*follows from"):
            read_spectra(put("a.csv", changed(row, column, factor)))


@pytest.mark.parametrize(
    "header", ["freq,Re/kOhm,Im,|Z|", "freq,Im,Re,|Z|,x", "freq,Re,Im,|Z|/kOhm"]
)
def test_columns_of_different_things_are_named(put, header):
    turned = Z * np.exp(0.4j)
    columns = (FREQ, turned.real, turned.imag, MOD, MOD)[: header.count(",") + 1]
    if header.startswith("freq,Im"):
        # The modulus alone does not tell Re from Im.
        columns, header = (FREQ, Z.imag, Z.real, DEG), "freq,Re,Im,Phase/deg"
    with pytest.raises(ReadError, match="contradict one another"):
        read_spectra(put("a.csv", f"{header}\n{rows(*columns)}"))


def test_rounded_columns_agree(put):
    lines = [f"{f:.5g},{z.real:.4g},{z.imag:.4g},{abs(z):.3g},{np.angle(z, deg=True):.1f}"
             for f, z in zip(FREQ, Z, strict=True)]  # fmt: skip
    (s,) = read_spectra(put("a.csv", "freq,Re,Im,|Z|,Phase/deg\n" + "\n".join(lines) + "\n"))
    np.testing.assert_allclose(s.Z, Z, rtol=2e-3)


# Sweeps that follow one another.


def stacked(*spectra, freq=FREQ):
    body = "".join(rows(freq, Z.real, Z.imag) for Z in spectra)
    return "Frequency (Hz);Z' (Ohm);Z'' (Ohm)\n" + body.replace(",", ";")


def noise(seed, level=0.003):
    a, b = np.random.default_rng(seed).normal(size=(2, len(FREQ)))
    return 1 + level * (a + 1j * b)


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.003, 0.02])
def test_sweeps_that_agree_within_noise_are_replicates(put, level):
    for seed in range(10):
        path = put("a.txt", stacked(*(Z * noise(3 * seed + k, level) for k in range(3))))
        (s,) = read_spectra(path)
        assert len(s.freq) == 3 * len(FREQ)


def test_replicates_may_lack_points(put):
    keep = np.array([k not in (4, 5, 11) for k in range(len(FREQ))])
    freq = np.concatenate([FREQ[keep], FREQ, FREQ[:-3]])
    Zs = np.concatenate([(Z * noise(0))[keep], Z * noise(1), (Z * noise(2))[:-3]])
    (s,) = read_spectra(put("a.csv", "freq,Re,Im\n" + rows(freq, Zs.real, Zs.imag)))
    assert same(s, Zs, freq)


@pytest.mark.parametrize("level", [0.0, 1e-4, 0.003])
def test_sweeps_that_differ_beyond_noise_are_spectra(put, level):
    aged = [impedance(FREQ, R_b=12e3 * (1 - 0.05 * k)) * noise(k, level) for k in range(3)]
    for order in (slice(None), slice(None, None, -1)):
        path = put("a.txt", stacked(*(z[order] for z in aged), freq=FREQ[order]))
        with pytest.warns(UserWarning, match="read as 3 spectra"):
            found = read_spectra(path)
        assert all(same(s, z[order], FREQ[order]) for s, z in zip(found, aged, strict=True))


def test_a_sweep_that_comes_back_otherwise_is_two(put):
    back = 1.1 * Z[::-1]
    text = "freq,Re,Im\n" + rows(FREQ, Z.real, Z.imag) + rows(FREQ[::-1], back.real, back.imag)
    with pytest.warns(UserWarning, match="read as 2 spectra"):
        one, two = read_spectra(put("a.csv", text))
    assert same(one) and same(two, back, FREQ[::-1])
