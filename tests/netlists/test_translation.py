"""Formulas against the programs that they were translated from, and what is refused."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jaxmem as jm
from benchmarks.problems import published
from benchmarks.problems.drawn_netlists import Blocking
from jaxmem.netlists import translation
from jaxmem.netlists.equations import equations_of
from jaxmem.netlists.formulas import Formulas, computed, shared
from jaxmem.netlists.text import interval

pytestmark = pytest.mark.quick

BRANCHES = {
    "leak": jm.Leak(2e4),
    "delayed": jm.DelayedConduction(5e-4, 0.8, 0.04, 2e-3),
    "activated": jm.ActivatedConduction(5e-4, 0.8, 0.04, 2e-3, 5e-3),
    "polarisation": jm.Polarisation(1e4, 1e-7),
    "photocurrent": jm.Photocurrent(1e-6),
    "slow": jm.SlowConductance(-1e-6, 1e-3),
    "two lags": jm.TwoLagConductance(1e-5, 1e-3, 1e-2),
    "memory": jm.MemoryConductance(1e-4, 1e-6, 0.5, 0.1, 1e-2),
    "switching": jm.SwitchingConductance(1e-3, 1e-5, 1e-2, 3e-2, 0.08, 0.11),
    "rectifying": jm.RectifyingLeak(1e-6, 0.1, 0.2),
    "ladder": jm.CapacitiveLadder(jnp.array([1e3, 1e4]), jnp.array([1e-8, 1e-7])),
    "thermal": jm.ThermalSwitch(1e2, 0.2, 0.01, 1e-13, 1e6),
    "user's": Blocking(2e-5, 1.0, 1e-2),
    "Hodgkin-Huxley": published.HodgkinHuxley(),
    "Morris-Lecar": published.MorrisLecar(4.4, 2.0, 30.0, 0.04),
}


@pytest.mark.parametrize("name", BRANCHES)
def test_each_branch_is_what_its_program_computes(name):
    """At random voltages and states, the formulas and the branch itself."""
    branch = BRANCHES[name]
    made = equations_of(jm.Device(1e-8, {name: branch}))
    values = {p.name: p.value for p in made.parameters}
    rng = np.random.default_rng(3)
    for _ in range(5):
        u = rng.uniform(-1.5, 1.5)
        V = rng.normal(size=branch.size)
        z = np.array([n.offset + n.unit * v for n, v in zip(made.nodes, V, strict=True)])
        z_there = jnp.asarray(z, dtype=float)
        x = branch.unchart(z_there)
        known = values | {"u": u} | {n.name: v for n, v in zip(made.nodes, V, strict=True)}
        pairs = [(made.branches[0].current, branch.current(jnp.asarray(u), x))]
        rates = branch.chart_rates(jnp.asarray(u), z_there)
        for k, node in enumerate(made.nodes):
            pairs += [(node.rate, rates[k] / node.unit), (node.state, x[k])]
        for formula, theirs in pairs:
            assert computed(formula, known) == pytest.approx(float(theirs), rel=1e-9, abs=1e-30)


class Interpolated(jm.AbstractBranch):
    """A table, which simulators have no word for."""

    g: jax.Array = jm.quantity("S", "conductance")

    def current(self, u, x):
        return self.g * jnp.interp(u, jnp.array([-1.0, 0.0, 1.0]), jnp.array([-2.0, 0.0, 1.0]))


class Said(Interpolated):
    """The same, with its two slopes said for simulators."""

    def in_netlist(self):
        return Slopes(self.g)


class Slopes(jm.AbstractBranch):
    """Two slopes that meet at 0."""

    g: jax.Array = jm.quantity("S", "conductance")

    def current(self, u, x):
        return self.g * (jnp.maximum(u, 0.0) + 2 * jnp.minimum(u, 0.0))


class SaidWrongly(Interpolated):
    """A hook that contradicts the branch."""

    def in_netlist(self):
        return jm.Leak(1 / self.g)


def test_what_cannot_be_said_is_refused_and_may_be_said_by_hand():
    device = lambda branch: jm.Device(1e-8, {"leak": jm.Leak(1e4), "table": branch})
    with pytest.raises(ValueError, match=r"branch 'table' \(Interpolated\).*in_netlist"):
        jm.spice_netlist(device(Interpolated(1e-5)))
    text = jm.spice_netlist(device(Said(1e-5)))
    assert "max(V(p,n), 0)" in text and "as its class says by in_netlist" in text
    with pytest.raises(ValueError, match=r"'table'.*in_netlist"):
        jm.spice_netlist(device(SaidWrongly(1e-5)))


class OddPower(jm.AbstractBranch):
    """A power whose base may be negative: `pow` of simulators takes its modulus."""

    n: jax.Array = jm.quantity("1", "exponent")

    def current(self, u, x):
        return u**self.n


def test_a_number_that_a_simulator_would_compute_otherwise_is_refused():
    with pytest.raises(ValueError, match="would compute"):
        jm.verilog_a(jm.Device(1e-8, {"leak": jm.Leak(1e4), "odd": OddPower(3.0)}))
    # Also beside a branch that is steep at positive voltages only.
    with pytest.raises(ValueError, match="would compute"):
        jm.verilog_a(jm.si_device(extra={"odd": OddPower(3.0)}))


def test_names_that_spice_does_not_tell_apart_get_numbers():
    branches = {"a": jm.Leak(1e4), "A": jm.Leak(2e4), "1 x": jm.SlowConductance(1e-6, 1e-3)}
    names = [p.name for p in equations_of(jm.Device(1e-8, branches)).parameters]
    assert len({n.lower() for n in names}) == len(names) and "b_1_x_g" in names
    labels = [branch.label for branch in equations_of(jm.Device(1e-8, branches)).branches]
    assert len({n.lower() for n in labels}) == 3 and "b_1_x" in labels


def test_formulas_are_shared_shortened_and_bounded():
    many = Formulas()
    x, c = many.symbol("x"), many.constant
    assert many("add", x, c(0.0)) is x and many("mul", c(1.0), x) is x
    assert many("exp", x) is many("exp", x)
    assert many("add", c(2.0), c(3.0)).value == 5.0
    e = many("exp", many("min", x, c(100.0)))
    assert [s.name for s in shared([many("add", e, many("mul", e, e))])] == ["exp"]
    assert interval(many("neg", many("min", x, c(100.0)))) == (-100.0, np.inf)


def test_the_equations_of_the_paper_stand_in_the_deck():
    text = jm.spice_netlist(jm.si_device(R_s=50.0, L_s=1e-6), notes=("a note",))
    text = text.replace("\n+ ", " ")
    assert "Bleak m n I = V(m,n)/R_b" in text
    assert "V_T=0.8" in text and "R_s=50" in text and "* a note" in text
    assert "(V(m,n) - V_T)/V_m" in text and "L_s = 1e-06 H" in text
    assert "* f = logistic(V(z_f) - 20)" in text
    assert "NOT TESTED" in jm.spice_netlist(jm.si_device(), dialect="ltspice")


@pytest.mark.usefixtures("as_users_call")
def test_a_batch_what_is_no_device_and_other_simulators_are_refused():
    with pytest.raises(ValueError, match="batch"):
        jm.spice_netlist(jm.si_device(R_b=jnp.array([1e4, 2e4])))
    device: Any = jm.si_device()
    circuit = jm.Circuit(device, jm.CurrentDrive(jm.Constant(1e-4)))
    wrong: Any = "hspice"
    with pytest.raises(ValueError, match="device"):
        jm.verilog_a(circuit)  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match="dialect"):
        jm.spice_netlist(device, dialect=wrong)
    with pytest.raises(ValueError, match="simulator"):
        jm.testbench(circuit, 1.0, wrong)


def test_a_constant_phase_element_is_a_ladder_and_the_header_says_so():
    cpe = jm.ConstantPhase(1e-7, 0.9, (1.0, 1e5))
    device = jm.Memristor2D(1e4, 0.0, 5e-4, 0.8, 0.04, 2e-3, extra={"cpe": cpe})
    text = jm.verilog_a(device)
    assert "constant-phase element, Q = 1e-07 S s^n" in text and "cpe_R_0" in text
    assert "parameter real i_c0 = 0.0005" in text  # the paper's letters stay


def test_a_test_bench_has_the_drive_and_refuses_what_no_source_gives():
    device = jm.si_device()
    bench = lambda wave, tool="ngspice": jm.testbench(jm.Circuit(device, wave), 0.1, tool)
    both = jm.VoltageDrive(jm.Triangle([0.0, 1.0], rate=40.0) + jm.Sine(0.01, 1e3, offset=0.2))
    text = bench(both)
    assert (
        "V1 a a2 DC 1.2 AC 1 PWL(0 0  0.025 1  0.05 0)" in text
        and "V2 a2 0 DC 0 SIN(0.2 0.01 1000 0)" in text
    )
    assert 'type="sine"' in bench(both, "vacask")
    assert ".tran 0 0.1 0" in bench(jm.CurrentDrive(jm.Pulse(1e-4, 0.01)), "ltspice")
    with pytest.raises(ValueError, match="phase"):
        bench(jm.CurrentDrive(jm.Sine(1e-4, 1e3, phase=1.0)))


def test_elements_against_bias_are_those_of_the_equations():
    table = jm.element_table(jm.si_device(), np.array([0.8, 0.85]))
    row = dict(zip(table.columns, table.rows[0], strict=True))
    assert row["R_a [ohm]"] == pytest.approx(4 * 0.04 / 5e-4)  # (7) at f = 1/2
    assert row["L_d [H]"] == pytest.approx(2e-3 * 320.0)  # (8)
    assert row["I [A]"] == pytest.approx(0.8 / 1e4 + 2.5e-4)  # (5)
    assert len(jm.element_table(jm.Device(1e-12, {"t": BRANCHES["thermal"]})).rows) == 201


def test_a_primitive_without_a_word_is_named():
    many = Formulas()
    with pytest.raises(translation.Untranslatable, match="cumsum"):
        translation.translate(lambda _, u: jnp.cumsum(jnp.stack([u, u])), None, None, ["u"], many)
