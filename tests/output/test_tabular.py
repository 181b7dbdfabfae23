"""Branches and curves as Datasets and CSV: what was found, without its padding, with units."""

import csv
from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from oracles import morris_lecar as ml

import jaxmem as jm
from jaxmem.lens import Parameter
from jaxmem.output.tabular import Tabular

nan = float("nan")


class Points(NamedTuple):
    parameter: jax.Array
    omega: jax.Array
    found: jax.Array


class Branch(Tabular):
    """As a branch may be: padded at both ends, with special points of two kinds."""

    parameter: jax.Array
    multipliers: jax.Array
    stable: jax.Array
    tori: Points
    cusps: Points
    ends: jm.ENDS
    count: jax.Array
    result: jm.RESULTS
    over: Parameter = eqx.field(static=True)
    kind: str = eqx.field(static=True)

    @property
    def end_names(self):
        return "here", "there"


def branch():
    mu = np.array([[nan, nan], [0.5 + 0.1j, 0.5 - 0.1j], [-1.5, 0.2], [nan, nan]])
    return Branch(
        jnp.array([nan, 1.0, 2.0, nan]), jnp.asarray(mu), jnp.array([False, True, False, False]),
        Points(jnp.array([1.5, nan]), jnp.array([3.0, nan]), jnp.array(1)),
        Points(jnp.array([1.2, 1.8]), jnp.array([0.0, 0.0]), jnp.array(2)),
        jm.ENDS.parameter, jnp.array(2), jm.RESULTS.successful,
        Parameter("drive.wave.freq", "Hz", "frequency"), "voltage",
    )  # fmt: skip


def test_padding_goes_and_units_stay(tmp_path):
    table = branch().to_dataset()
    assert dict(table.sizes) == {"point": 2, "multipliers_1": 2, "special": 3}
    np.testing.assert_array_equal(table.parameter, [1.0, 2.0])
    assert table.parameter.attrs == {"units": "Hz", "long_name": "drive.wave.freq: frequency"}
    np.testing.assert_array_equal(table.multipliers_re, [[0.5, 0.5], [-1.5, 0.2]])
    np.testing.assert_array_equal(table.multipliers_im, [[0.1, -0.1], [0.0, 0.0]])
    np.testing.assert_array_equal(table.stable, [True, False])
    assert table.special_kind.values.tolist() == ["torus", "cusp", "cusp"]
    np.testing.assert_array_equal(table.special_parameter, [1.5, 1.2, 1.8])
    said = dict(count=2, result="successful", first_end="here", last_end="there", drive="voltage")
    assert said.items() <= table.attrs.items()
    table.to_netcdf(tmp_path / "branch.nc")
    with xr.open_dataset(tmp_path / "branch.nc") as back:
        assert back.special_kind.values.tolist() == ["torus", "cusp", "cusp"]
        assert back.parameter.attrs["units"] == "Hz"


def test_csv_has_one_row_a_point(tmp_path):
    branch().to_csv(tmp_path / "branch.csv")
    with (tmp_path / "branch.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["special"] for row in rows] == ["", "", "torus", "cusp", "cusp"]
    assert [float(row["parameter [Hz]"]) for row in rows] == [1.0, 2.0, 1.5, 1.2, 1.8]
    assert [row["omega [rad/s]"] for row in rows] == ["", "", "3.0", "0.0", "0.0"]
    assert [row["multipliers_im_1"] for row in rows] == ["-0.1", "0.0", "", "", ""]
    assert [row["stable"] for row in rows] == ["True", "False", "", "", ""]


@pytest.mark.slow
def test_what_the_library_finds(tmp_path):
    device = ml.device(ml.SNIC)
    found = jm.fold_points(device, u_range=ml.REACH)
    table = found.to_dataset()
    assert table.sizes["point"] == int(found.found) == 2 and table.attrs["found"] == 2
    np.testing.assert_array_equal(table.I, found.I[:2])
    assert table.bend.attrs["units"] == "(A or V)/V^2" and table.I.attrs["units"] == "A"
    hopf = jm.hopf_points(jm.paper_device(1.0, 1.0, 1.0))
    np.testing.assert_array_equal(hopf.to_dataset().omega, hopf.omega[:2])
    assert hopf.to_dataset().x.dims == ("point", "x_1")
    none = jm.hopf_points(jm.paper_device(1.0, 1.0))
    assert none.to_dataset().sizes["point"] == 0
    none.to_csv(tmp_path / "none.csv")
    assert (tmp_path / "none.csv").read_text(encoding="utf-8").count("\n") == 1
    batch = jax.vmap(lambda tau: jm.hopf_points(jm.paper_device(1.0, tau, 1.0)))(jnp.ones(2))
    with pytest.raises(ValueError, match="batch"):
        batch.to_dataset()


@pytest.mark.slow
def test_units_follow_the_kind_of_the_drive():
    device = ml.device(ml.SNIC)
    curve = jm.fold_curve(device, lambda d: d.branches["ml"].phi, u_range=ml.REACH)
    table = curve.to_dataset()
    assert table.sizes["point"] == int(curve.count)
    assert table.drive.attrs["units"] == "A" and table.bend.attrs["units"] == "A/V^2"
    assert table.attrs["last_end"] == jm.ENDS[jm.ENDS.parameter]
    assert table.special_kind.values.tolist() == ["Bogdanov-Takens"]
    behind = jm.Device(ml.C, device.branches, R_s=2.0)
    other = jm.fold_curve(
        behind, lambda d: d.branches["ml"].phi, u_range=ml.REACH, drive="voltage"
    ).to_dataset()
    assert other.drive.attrs["units"] == "V" and other.bend.attrs["units"] == "1/V"
