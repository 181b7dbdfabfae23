"""Columns of standard deviations, as instruments and people name them."""

import numpy as np
import pytest

from fitting import read_spectra
from fitting.readers import ReadError

FREQ = np.geomspace(1e4, 1.0, 8)
Z = 100 + 1e3 / (1 + 2j * np.pi * FREQ * 1e-2)


def written(path, names, *columns):
    rows = zip(FREQ, Z.real, Z.imag, *columns, strict=True)
    lines = [
        f"freq_Hz,Re_Z_ohm,Im_Z_ohm,{names}",
        *(",".join(map(repr, map(float, r))) for r in rows),
    ]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.quick
@pytest.mark.parametrize(
    ("name", "factor"),
    [
        ("sigma", 1.0), ("sigma_ohm", 1.0), ("σ(Z) [kΩ]", 1e3), ("std |Z| / mOhm", 1e-3),
        ("Standardabweichung (Ohm)", 1.0), ("uncertainty of Z (ohm)", None), ("error_ohm", 1.0),
        ("incertitude / kohm", 1e3), ("标准差 (Ω)", 1.0),
        # Without a unit these are codes, deviations of something else, or shares.
        ("Err", None), ("error", None), ("std", None), ("std (V)", None), ("error (a.u.)", None),
    ],
)  # fmt: skip
def test_a_column_for_both_parts(tmp_path, name, factor):
    values = 0.01 * np.abs(Z)
    (found,) = read_spectra(written(tmp_path / "a.csv", name, values))
    if factor is None:
        assert found.sigma is None
    else:
        np.testing.assert_allclose(found.sigma, factor * values)


@pytest.mark.quick
@pytest.mark.parametrize(
    "names",
    ["sigma_Re_ohm,sigma_Im_ohm", "sigma Z',sigma Z''", "std(Re(Z))/Ohm,std(Im(Z))/Ohm",
     "Zreal error (ohm),Zimag error (ohm)"],
)  # fmt: skip
def test_a_column_for_each_part(tmp_path, names):
    a, b = 0.01 * np.abs(Z), 0.02 * np.abs(Z)
    (found,) = read_spectra(written(tmp_path / "a.csv", names, a, b))
    np.testing.assert_allclose(found.sigma, [a, b])
    np.testing.assert_allclose(found.weight, np.concatenate([1 / a, 1 / b]))


@pytest.mark.quick
def test_a_share_is_one_of_the_modulus(tmp_path):
    (found,) = read_spectra(written(tmp_path / "a.csv", "sigma (%)", np.full(8, 2.0)))
    np.testing.assert_allclose(found.sigma, 0.02 * np.abs(Z))


@pytest.mark.quick
def test_deviations_that_cannot_be_used_are_refused(tmp_path):
    with pytest.raises(ReadError, match="of one part of Z only"):
        read_spectra(written(tmp_path / "a.csv", "sigma_Re_ohm", np.ones(8)))
    with pytest.raises(ReadError, match="sigma must be positive"):
        read_spectra(
            written(tmp_path / "b.csv", "sigma_Re_ohm,sigma_Im_ohm", np.ones(8), np.zeros(8))
        )


@pytest.mark.quick
def test_an_archive_has_deviations_too(tmp_path):
    both = np.stack([Z, 2 * Z], axis=1)
    np.savez(tmp_path / "a.npz", freq=FREQ, Z=both, sigma=0.01 * np.abs(both))
    for k, found in enumerate(read_spectra(tmp_path / "a.npz")):
        np.testing.assert_allclose(found.sigma, 0.01 * np.abs(both[:, k]))
    np.savez(tmp_path / "b.npz", freq=FREQ, Z=Z, sigma_Re=np.ones(8), sigma_Im=np.full(8, 2.0))
    (found,) = read_spectra(tmp_path / "b.npz")
    np.testing.assert_allclose(found.sigma, np.array([[1.0], [2.0]]) * np.ones((2, 8)))
