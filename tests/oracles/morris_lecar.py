"""The equations of Morris and Lecar in NumPy, and the device (mV, ms, uA/cm^2, uF/cm^2, mS/cm^2).

Sets of Rinzel and Ermentrout (Methods in Neuronal Modeling, 1998, chapter 7): the fold of rest
comes at the same current in the second and third, which differ in phi alone.
"""

import numpy as np
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

import jaxmem as jm
from benchmarks.problems.published import MorrisLecar

HOPF = dict(g_Ca=4.4, V3=2.0, V4=30.0, phi=0.04)
SNIC = dict(g_Ca=4.0, V3=12.0, V4=17.4, phi=0.0667)
HOMOCLINIC = SNIC | dict(phi=0.23)
C, V_1, V_2, g_K, V_K, g_L, V_L, V_Ca = 20.0, -1.2, 18.0, 8.0, -84.0, 2.0, -60.0, 120.0
REACH = (-75.0, 60.0)


def device(letters):
    """The device of a set."""
    return jm.Device(C, {"ml": MorrisLecar(**letters)})


def steady(letters, u):
    """I(u) in NumPy."""
    m = (1 + np.tanh((u - V_1) / V_2)) / 2
    w = (1 + np.tanh((u - letters["V3"]) / letters["V4"])) / 2
    return g_L * (u - V_L) + letters["g_Ca"] * m * (u - V_Ca) + g_K * w * (u - V_K)


def rates(letters, I, y):
    """d(u, w)/dt in NumPy, for an integrator."""
    u, w = y
    m = (1 + np.tanh((u - V_1) / V_2)) / 2
    rest = (1 + np.tanh((u - letters["V3"]) / letters["V4"])) / 2
    i = g_L * (u - V_L) + letters["g_Ca"] * m * (u - V_Ca) + g_K * w * (u - V_K)
    rate = letters["phi"] * np.cosh((u - letters["V3"]) / (2 * letters["V4"]))
    return [(I - i) / C, rate * (rest - w)]


def homoclinic(letters, low, high):
    """The current between two at which a homoclinic orbit joins the saddle to itself.

    The saddle's unstable and stable manifolds, integrated from 1e-4 mV beside it (to second order),
    meet on their way round at u = 10 mV.
    """

    def jacobian(I, y, h=1e-6):
        moves = [np.array(rates(letters, I, y + h * e)) - rates(letters, I, y - h * e)
                 for e in np.eye(2)]  # fmt: skip
        return np.stack(moves, axis=1) / (2 * h)

    def opened(I, way):
        u = brentq(lambda u: steady(letters, u) - I, -25.0, -10.0, xtol=1e-13)
        y = np.array([u, (1 + np.tanh((u - letters["V3"]) / letters["V4"])) / 2])
        values, vectors = np.linalg.eig(jacobian(I, y))
        k = np.argmax(way * values)
        along = vectors[:, k] * np.sign(vectors[0, k])
        f = lambda s: np.array(rates(letters, I, y + s * along))
        bend = (f(1e-3) + f(-1e-3) - 2 * f(0.0)) / 2e-6
        bend = np.linalg.solve(2 * values[k] * np.eye(2) - jacobian(I, y), bend)

        def there(t, y):
            return y[0] - 10.0

        there.terminal, there.direction = True, -way
        begin = y + 1e-4 * along + 1e-8 * bend
        run = solve_ivp(
            lambda t, y: way * np.array(rates(letters, I, y)), (0, 400), begin, "DOP853",
            rtol=1e-13, atol=1e-15, events=there,
        )  # fmt: skip
        return run.y_events[0][0, 1]

    return brentq(lambda I: opened(I, 1) - opened(I, -1), low, high, xtol=1e-12)
