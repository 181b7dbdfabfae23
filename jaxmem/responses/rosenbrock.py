"""Rodas5P: a stiffly accurate Rosenbrock method with a check at the end of each step."""

from typing import ClassVar

import diffrax
import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from diffrax import RESULTS, AbstractAdaptiveSolver, AbstractTerm
from jaxtyping import Array, Float

# Coefficients as published: G. Steinebach, BIT Numerical Mathematics 63 (2023) 27, in the
# variables U of Hairer and Wanner, Solving Ordinary Differential Equations II, section IV.7.
GAMMA = 0.21193756319429014
ALPHA = (
    0.0,
    0.6358126895828704,
    0.4095798393397535,
    0.9769306725060716,
    0.4288403609558664,
    1.0,
    1.0,
    1.0,
)
GAMMA_I = (
    0.21193756319429014,
    -0.42387512638858027,
    -0.3384627126235924,
    1.8046452872882734,
    2.325825639765069,
    0.0,
    0.0,
    0.0,
)
_LAST = (
    -7.502846399306121,
    2.561846144803919,
    -11.627539656261098,
    -0.18268767659942256,
    0.030198172008377946,
)
A = (
    (),
    (3.0,),
    (2.849394379747939, 0.45842242204463923),
    (-6.954028509809101, 2.489845061869568, -10.358996098473584),
    (2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641),
    _LAST,
    (*_LAST, 1.0),
    (*_LAST, 1.0, 1.0),
)
C = (
    (),
    (-14.155112264123755,),
    (-17.97296035885952, -2.859693295451294),
    (147.12150275711716, -1.41221402718213, 71.68940251302358),
    (165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306),
    (
        24.854864614690072,
        -3.0009227002832186,
        47.4931110020768,
        5.5814197821558125,
        -0.6610691825249471,
    ),
    (
        30.91273214028599,
        -3.1208243349937974,
        77.79954646070892,
        34.28646028294783,
        -19.097331116725623,
        -28.087943162872662,
    ),
    (
        37.80277123390563,
        -3.2571969029072276,
        112.26918849496327,
        66.9347231244047,
        -40.06618937091002,
        -54.66780262877968,
        -9.48861652309627,
    ),
)
H = (
    (
        25.948786856663858,
        -2.5579724845846235,
        10.433815404888879,
        -2.3679251022685204,
        0.524948541321073,
        1.1241088310450404,
        0.4272876194431874,
        -0.17202221070155493,
    ),
    (
        -9.91568850695171,
        -0.9689944594115154,
        3.0438037242978453,
        -24.495224566215796,
        20.176138334709044,
        15.98066361424651,
        -6.789040303419874,
        -6.710236069923372,
    ),
    (
        11.419903575922262,
        2.8879645146136994,
        72.92137995996029,
        80.12511834622643,
        -52.072871366152654,
        -59.78993625266729,
        -0.15582684282751913,
        4.883087185713722,
    ),
)

# Up to this size the linear solves are unrolled: a LAPACK call costs more than the arithmetic.
UNROLLED = 6


class RosenbrockInterpolation(diffrax.AbstractLocalInterpolation):
    """The method's fourth-order dense output, y(t0 + s h) for s in [0, 1]."""

    t0: Float[Array, ""]
    t1: Float[Array, ""]
    y0: Float[Array, "n"]
    y1: Float[Array, "n"]
    k: Float[Array, "3 n"]

    def evaluate(self, t0, t1=None, left=True):
        del left
        if t1 is not None:
            return self.evaluate(t1) - self.evaluate(t0)
        h = self.t1 - self.t0
        s = (t0 - self.t0) / jnp.where(h == 0, 1.0, h)
        bend = self.k[0] + s * (self.k[1] + s * self.k[2])
        return (1 - s) * self.y0 + s * (self.y1 + (1 - s) * bend)


class Rodas5P(AbstractAdaptiveSolver):
    """Steinebach's Rodas5P for M y' = F(t, y), order 5, with a diagonal M that may have zeros.

    The Jacobian is exact, by forward-mode differentiation, and made anew at each step. A
    Rosenbrock step divides stages and error estimate by the stiffness at its *start*. A state
    that is stiff there and slow later (an occupation f that relaxes at 1/(f tau_k)) can be
    carried past a threshold by a step that is accepted. Therefore the defect of the dense output
    at the step's end is filtered through the Jacobian *there*,

        e2 = (M/(gamma h) - J(y1))^-1 (F(y1) - M p'(1)/h),

    and the error is max(|e|, end_check |e2|). F and J at the end serve the next step.

    The dense output of a row with a small mass (a current behind a small series resistance) is
    of lower order than the ends of steps show. With `middle_check` its defect in the middle of
    a step, filtered by the row's own diagonal, counts as well, for rows with M not 0 or 1.
    """

    mass: Float[Array, "n"] | None = None
    end_check: float = 0.1
    middle_check: float = eqx.field(static=True, default=0.0)

    term_structure: ClassVar = AbstractTerm
    interpolation_cls: ClassVar = RosenbrockInterpolation

    def order(self, terms):
        del terms
        return 5

    def error_order(self, terms):
        del terms
        # The embedded method has order 4, so its local error goes with h^5.
        return 5

    def init(self, terms, t0, t1, y0, args):
        del t1
        return _linearise(terms, t0, y0, args)

    def func(self, terms, t0, y0, args):
        return terms.vf(t0, y0, args)

    def step(self, terms, t0, t1, y0, args, solver_state, made_jump):
        del made_jump
        h = t1 - t0
        F0, J, F_t = solver_state
        M = jnp.ones_like(y0) if self.mass is None else self.mass.astype(y0.dtype)
        solve = _factorise(jnp.diag(M / (GAMMA * h)) - J)
        U = []
        for i in range(len(ALPHA)):
            argument = sum((a * v for a, v in zip(A[i], U, strict=True) if a), y0)
            F = F0 if i == 0 else terms.vf(t0 + ALPHA[i] * h, argument, args)
            past = sum((c * v for c, v in zip(C[i], U, strict=True)), jnp.zeros_like(y0))
            U.append(solve(F + M / h * past + GAMMA_I[i] * h * F_t))
        y1 = argument + U[-1]
        k = jnp.stack([sum(w * v for w, v in zip(row, U, strict=True)) for row in H])
        end = _linearise(terms, t1, y1, args)
        F1, J1, _ = end
        slope = y1 - y0 - (k[0] + k[1] + k[2])
        defect = F1 - M * slope / h
        check = _factorise(jnp.diag(M / (GAMMA * h)) - J1)(defect)
        error = jnp.maximum(jnp.abs(U[-1]), self.end_check * jnp.abs(check))
        if self.middle_check > 0:
            middle = (y0 + y1) / 2 + (k[0] + k[1] / 2 + k[2] / 4) / 4
            slope = y1 - y0 + (k[1] + k[2]) / 4
            defect = terms.vf(t0 + h / 2, middle, args) - M * slope / h
            inside = jnp.abs(defect) / (M / (GAMMA * h) + jnp.abs(jnp.diagonal(J1)))
            inside = jnp.where((M > 0) & (M != 1), self.middle_check * inside, 0.0)
            error = jnp.maximum(error, inside)
        return y1, error, dict(y0=y0, y1=y1, k=k), end, RESULTS.successful


def _linearise(terms, t, y, args):
    """F, dF/dy and dF/dt in one pass of forward mode."""

    def field(ty):
        F = terms.vf(ty[0], ty[1:], args)
        return F, F

    ty = jnp.concatenate([jnp.asarray(t, y.dtype)[None], y])
    J, F = jax.jacfwd(field, has_aux=True)(ty)
    return F, J[:, 1:], J[:, 0]


def _factorise(W):
    """A function that solves W v = r.

    Unrolled, the branches' states are eliminated first, in reverse order, and the voltage or
    current last: their diagonals hold the relaxation rates, so that no pivoting is needed.
    """
    n = W.shape[0]
    if n > UNROLLED:
        factors = jax.scipy.linalg.lu_factor(W)
        return lambda r: jax.scipy.linalg.lu_solve(factors, r)
    w = [[W[i, j] for j in range(n)] for i in range(n)]
    inverse = [None] * n
    for k in reversed(range(n)):
        inverse[k] = 1 / w[k][k]
        for i in range(k):
            w[i][k] = w[i][k] * inverse[k]
            for j in range(k):
                w[i][j] = w[i][j] - w[i][k] * w[k][j]

    def solve(r):
        r = [r[i] for i in range(n)]
        for k in reversed(range(n)):
            for i in range(k):
                r[i] = r[i] - w[i][k] * r[k]
        v = []
        for i in range(n):
            v.append((r[i] - sum(w[i][j] * v[j] for j in range(i))) * inverse[i])
        return jnp.stack(v)

    return solve


def tolerances(dtype) -> tuple[float, float]:
    """Default rtol and atol: 1e-7 in double, 1e-4 in single precision."""
    value = 1e-7 if np.dtype(dtype) == np.float64 else 1e-4
    return value, value
