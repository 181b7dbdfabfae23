"""What a branch says twice is compared: its equilibrium with its rates, its chart with both."""

from typing import ClassVar

import jax
import jax.numpy as jnp
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import jaxmem as jm


class Gate(jm.AbstractBranch):
    states: ClassVar = ("w",)
    units: ClassVar = ("1",)
    V_h: jax.Array = jm.quantity("V", "middle", positive=False)
    V_k: jax.Array = jm.quantity("V", "width")
    tau: jax.Array = jm.quantity("s", "lag")

    def half(self, u):
        return jax.nn.sigmoid((u - self.V_h) / self.V_k)[None]

    def current(self, u, x):
        return x[0] * u

    def rates(self, u, x):
        return (self.half(u) - x) / self.tau

    def rest(self, u):
        return self.half(u)


class Slip(Gate):
    def rest(self, u):
        return self.half(-u)


class Near(Gate):
    def rest(self, u):
        return self.half(u) * 1.00001


class Flat(Gate):
    def rest(self, u):
        return self.half(u)[0]


class Logit(Gate):
    def chart(self, x):
        return jnp.log(x) - jnp.log1p(-x)

    def unchart(self, z):
        return jax.nn.sigmoid(z)


class Stable(Logit):
    def chart_rates(self, u, z):
        y = (u - self.V_h) / self.V_k
        rise, fall = jax.nn.sigmoid(y) / self.tau, jax.nn.sigmoid(-y) / self.tau
        return rise * (1 + jnp.exp(-z)) - fall * (1 + jnp.exp(z))

    def chart_rest(self, u):
        return ((u - self.V_h) / self.V_k)[None]


class OffChart(Logit):
    def unchart(self, z):
        return jax.nn.sigmoid(z + 0.01)


class OffRates(Stable):
    def chart_rates(self, u, z):
        return 2 * super().chart_rates(u, z)


class OffRest(Stable):
    def chart_rest(self, u):
        return 0.5 * super().chart_rest(u)


RIGHT = (Gate, Logit, Stable)
WRONG = [
    (Slip, "do not rest"), (Near, "do not rest"), (Flat, r"wants the shape \(1,\)"),
    (OffChart, "inverse of chart"), (OffRates, "chart_rates differ"), (OffRest, "chart_rest"),
]  # fmt: skip


def make(kind, volt=1.0, second=1.0):
    return jm.Device(1e-8, {"gate": kind(0.4 * volt, 0.05 * volt, 3.0 * second)})


@settings(max_examples=20)
@given(st.floats(-4, 2), st.floats(-9, 6), st.sampled_from(RIGHT))
def test_right_ones_are_taken_in_any_units(volt, second, kind):
    make(kind, 10**volt, 10**second)


@settings(max_examples=30)
@given(st.floats(-4, 2), st.floats(-9, 6), st.sampled_from(WRONG))
def test_wrong_ones_are_refused_in_any_units(volt, second, case):
    kind, words = case
    with pytest.raises(ValueError, match=rf"branch 'gate': {kind.__name__}.*{words}"):
        make(kind, 10**volt, 10**second)


class Curve(Gate):
    def rest_curve(self, s):
        return s, self.half(s)


def test_a_curve_of_equilibria_wants_its_range():
    with pytest.raises(ValueError, match=r"Curve gives no `rest_range`.*largest s"):
        make(Curve)
    with pytest.raises(ValueError, match=r"Leak gives no curve of equilibria.*rest"):
        jm.Leak(1.0).rest_curve(jnp.asarray(0.0))


def test_nothing_is_checked_under_a_trace_and_constants_inside_one_are():
    find = jax.jit(jax.vmap(lambda V: jm.operating_point(make(Gate, V), u=0.3).I))
    assert jnp.all(jnp.isfinite(find(jnp.array([1.0, 2.0]))))

    def inside(u):
        return jm.operating_point(make(Gate), u=u).I

    assert float(jax.jit(inside)(0.3)) == pytest.approx(float(inside(0.3)), rel=1e-13)


def test_a_chart_without_rates_of_its_own_has_the_right_ones():
    own, other = Logit(0.4, 0.05, 3.0), Stable(0.4, 0.05, 3.0)
    for z in (-3.0, 0.1, 4.0):
        u, z = jnp.asarray(0.42), jnp.array([z])
        assert float(own.chart_rates(u, z)[0]) == pytest.approx(
            float(other.chart_rates(u, z)[0]), rel=1e-10
        )


def test_the_branch_in_the_shared_folder_is_refused_and_its_right_version_taken(shared, capsys):
    file = shared / "field" / "branch_with_wrong_rest.py"
    with pytest.raises(ValueError, match=r"Slip.*u = .*rates\(u, rest\(u\)\) must be zero"):
        exec(compile(file.read_text(), str(file), "exec"), {"__name__": "shared"})
    assert "FitzHughNagumo [0.33128" in capsys.readouterr().out


class Silent(jm.AbstractBranch):
    states: ClassVar = ("w",)
    units: ClassVar = ("1",)

    def current(self, u, x):
        return x[0] * u

    def rates(self, u, x):
        return u - x


def test_a_branch_that_says_nowhere_where_it_rests_is_told_how_to(as_users_call):
    with pytest.raises(ValueError, match=r"give rest\(u\), or.*rest_curve\(s\) with rest_range"):
        jm.Device(1.0, {"silent": Silent()})
