"""A device survives the way to a TOML file and back; what is no device is refused in words."""

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given
from strategies import letters

import jaxmem as jm

pytestmark = pytest.mark.quick

BAD = {
    "": "no kind",
    'kind = "Memristor4D"': "did you mean Memristor3D",
    "kind = 3": "no device of the kind 3",
    "a b": "not TOML",
    'kind = "Memristor3D"\nR_b = 1': "also needs C_m, V_T, V_m, i_c0, tau_d, tau_k",
    'kind = "Memristor3D"\nR_b = "a"': "R_b must be a finite number",
    'kind = "Memristor3D"\nR_b = nan': "R_b must be a finite number",
    'kind = "Memristor3D"\nR_b = true': "R_b must be a finite number",
    'kind = "Memristor2D"\ntau_x = 3': "did you mean tau_d",
    'kind = "Device"\nC_m = 1': "also needs branches",
    'kind = "Device"\nC_m = 1\nbranches = 3': "each branch as a table",
    'kind = "Device"\nC_m = 1\n[branches.a]\nkind = "Leak"\nR_b = -1': "[branches.a]: Leak: R_b",
    'kind = "Device"\nC_m = 1\n[branches.a]\nkind = "os:path"': "no AbstractBranch",
    'kind = "Device"\nC_m = 1\n[branches.a]\nkind = "nowhere:X"': "would import the module nowhere",
    'kind = "Memristor2D"\n[extra.a]\n': "no branch of the kind None",
}


class Cubic(jm.AbstractBranch):
    """A branch that somebody else wrote."""

    a: jax.Array = jm.quantity("A/V^3", "cubic conductance")

    def current(self, u, x):
        del x
        return self.a * u**3


def same(one, two):
    assert jax.tree.structure(one) == jax.tree.structure(two)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(two), strict=True):
        assert a.dtype == b.dtype and jnp.array_equal(a, b)


@given(letters(three=True))
def test_every_digit_survives(fields):
    device = jm.Memristor3D(**fields)
    same(device, jm.device_from_toml(jm.device_to_toml(device)))


def test_all_kinds_of_branches_survive(tmp_path):
    ladder = jm.ConstantPhase(1e-8, 0.9, band=(1.0, 100.0), accuracy=0.3).ladder()[1]
    branches = {
        "leak": jm.Leak(1e4),
        "two": jm.DelayedConduction(1e-3, 0.8, 0.04, 1e-3),
        "three": jm.ActivatedConduction(1e-3, 0.8, 0.04, 1e-3, 2e-3),
        "polarisation": jm.Polarisation(1e3, 1e-6),
        "slow": jm.SlowConductance(-1e-5, 1.0),
        "lags": jm.TwoLagConductance(1e-5, 1.0, 2.0),
        "memory": jm.MemoryConductance(1e-3, 0.0, 0.5, 0.1, 1.0),
        "cpe": jm.ConstantPhase(1e-8, 0.9, band=(1.0, 1e4), accuracy=0.02),
        "ladder": ladder,
        "cubic": Cubic(1e-4),
    }
    device = jm.Device(0.0, branches, R_s=3.0, L_s=1e-6)
    path = tmp_path / "device.toml"
    jm.write_device(path, device)
    same(device, jm.read_device(path))
    text = path.read_text()
    assert "R_b = 10000.0 # ohm, parallel resistance" in text and "test_device_file:Cubic" in text
    with_extra = jm.si_device(extra={"surface": jm.Polarisation(1e3, 1e-6)})
    same(with_extra, jm.device_from_toml(jm.device_to_toml(with_extra)))


@pytest.mark.parametrize("text", BAD)
def test_what_is_no_device_is_refused(text):
    with pytest.raises(jm.DeviceFileError) as caught:
        jm.device_from_toml(text, source="d.toml")
    assert str(caught.value).startswith("d.toml: ") and BAD[text] in str(caught.value)


def test_files_that_cannot_be_read(tmp_path):
    (tmp_path / "binary.toml").write_bytes(b"\x89PNG\r\n\x1a\n\x00\x80")
    for path, word in ((tmp_path / "none", "no such file"), (tmp_path, "a folder"),
                       (tmp_path / "binary.toml", "no text")):  # fmt: skip
        with pytest.raises(jm.DeviceFileError, match=word):
            jm.read_device(path)


def test_a_batch_is_not_written():
    batch = jm.Device(1e-7, {"l": jax.vmap(jm.Leak)(jnp.ones((2, 2)))})
    with pytest.raises(ValueError, match="no batch"):
        jm.device_to_toml(batch)


def test_a_class_of_a_module_is_imported_only_where_that_is_allowed(tmp_path, monkeypatch):
    run = tmp_path / "was_run"
    (tmp_path / "somebodys.py").write_text(
        f"open({str(run)!r}, 'w').close()\nimport jaxmem as jm\nclass Mine(jm.Leak):\n    pass\n"
    )
    (tmp_path / "broken.py").write_text("raise SystemError('of its own')\n")
    monkeypatch.syspath_prepend(tmp_path)
    text = 'kind = "Device"\nC_m = 1e-8\n[branches.a]\nkind = "%s"\nR_b = 1e4\n'
    with pytest.raises(jm.DeviceFileError, match=r"would import the module somebodys.*allow-im"):
        jm.device_from_toml(text % "somebodys:Mine")
    assert not run.exists()
    for kind in ("some-bodys:Mine", "somebodys:", ":Mine", ".somebodys:Mine", "a:b:c"):
        with pytest.raises(jm.DeviceFileError, match="names no class"):
            jm.device_from_toml(text % kind, allow_import=True)
    with pytest.raises(jm.DeviceFileError, match=r"cannot be imported .*of its own"):
        jm.device_from_toml(text % "broken:Mine", allow_import=True)
    with pytest.raises(jm.DeviceFileError, match="no AbstractBranch"):
        jm.device_from_toml(text % "os:PathLike")
    device = jm.device_from_toml(text % "somebodys:Mine", allow_import=True)
    assert run.exists() and float(device.branches["a"].R_b) == 1e4
    # What runs already needs no leave.
    same(device, jm.device_from_toml(jm.device_to_toml(device)))
