"""The equations of Morris and Lecar in NumPy, and the device (mV, ms, uA/cm^2, uF/cm^2, mS/cm^2).

Sets of Rinzel and Ermentrout (Methods in Neuronal Modeling, 1998, chapter 7): the fold of rest
comes at the same current in the second and third, which differ in phi alone.
"""

import numpy as np

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
