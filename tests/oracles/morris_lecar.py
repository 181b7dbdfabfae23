"""Morris-Lecar as a user's branch, and its equations in NumPy (mV, ms, uA/cm^2, uF/cm^2, mS/cm^2).

Sets of Rinzel and Ermentrout (Methods in Neuronal Modeling, 1998, chapter 7): the fold of rest
comes at the same current in the second and third, which differ in phi alone.
"""

from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

import jaxmem as jm

HOPF = dict(g_Ca=4.4, V_3=2.0, V_4=30.0, phi=0.04)
SNIC = dict(g_Ca=4.0, V_3=12.0, V_4=17.4, phi=0.0667)
HOMOCLINIC = SNIC | dict(phi=0.23)
C, V_1, V_2, g_K, V_K, g_L, V_L, V_Ca = 20.0, -1.2, 18.0, 8.0, -84.0, 2.0, -60.0, 120.0
REACH = (-75.0, 60.0)


class MorrisLecar(jm.AbstractBranch):
    """i = g_L (u - V_L) + g_Ca m(u) (u - V_Ca) + g_K w (u - V_K), dw/dt = phi (w*(u) - w)/tau."""

    states: ClassVar = ("w",)
    units: ClassVar = ("1",)
    g_Ca: jax.Array = jm.quantity("mS", "conductance of calcium")
    V_3: jax.Array = jm.quantity("mV", "half opening of potassium", positive=False)
    V_4: jax.Array = jm.quantity("mV", "width of potassium's opening")
    phi: jax.Array = jm.quantity("1/ms", "rate of potassium's opening")

    def current(self, u, x):
        m = (1 + jnp.tanh((u - V_1) / V_2)) / 2
        return g_L * (u - V_L) + self.g_Ca * m * (u - V_Ca) + g_K * x[0] * (u - V_K)

    def rates(self, u, x):
        return self.phi * jnp.cosh((u - self.V_3) / (2 * self.V_4)) * (self.rest(u) - x)

    def rest(self, u):
        return ((1 + jnp.tanh((u - self.V_3) / self.V_4)) / 2)[None]


def device(letters):
    """The device of a set."""
    return jm.Device(C, {"ml": MorrisLecar(**letters)})


def steady(letters, u):
    """I(u) in NumPy."""
    m = (1 + np.tanh((u - V_1) / V_2)) / 2
    w = (1 + np.tanh((u - letters["V_3"]) / letters["V_4"])) / 2
    return g_L * (u - V_L) + letters["g_Ca"] * m * (u - V_Ca) + g_K * w * (u - V_K)


def rates(letters, I, y):
    """d(u, w)/dt in NumPy, for an integrator."""
    u, w = y
    m = (1 + np.tanh((u - V_1) / V_2)) / 2
    rest = (1 + np.tanh((u - letters["V_3"]) / letters["V_4"])) / 2
    i = g_L * (u - V_L) + letters["g_Ca"] * m * (u - V_Ca) + g_K * w * (u - V_K)
    rate = letters["phi"] * np.cosh((u - letters["V_3"]) / (2 * letters["V_4"]))
    return [(I - i) / C, rate * (rest - w)]
