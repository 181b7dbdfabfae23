"""Published oscillators as branches of a user's own, each as its paper has it (mV, ms, uA/cm2).

None says where it is steep (`window`) and all are given the voltages to look at where a function
asks for them: this is the form in which others will write theirs.
"""

import abc

import jax.numpy as jnp
from jax import Array
from jax.nn import sigmoid

import jaxmem as jm


class FitzHughNagumo(jm.AbstractBranch):
    """FitzHugh 1961: i = u^3/3 - u + w, dw/dt = eps (u + a - b w)."""

    states = ("w",)
    units = ("A",)
    a: Array = jm.quantity("V", "offset")
    b: Array = jm.quantity("V/A", "slope")
    eps: Array = jm.quantity("A/(V s)", "rate")

    def current(self, u, x):
        return u**3 / 3 - u + x[0]

    def rates(self, u, x):
        return self.eps * (u + self.a - self.b * x)

    def rest(self, u):
        return ((u + self.a) / self.b)[None]


class MorrisLecar(jm.AbstractBranch):
    """Morris & Lecar 1981, as in Rinzel & Ermentrout 1998: Ca at once, K with a lag."""

    states = ("w",)
    units = ("1",)
    g_Ca: Array = jm.quantity("mS/cm2", "conductance for Ca")
    V3: Array = jm.quantity("mV", "half opening of K")
    V4: Array = jm.quantity("mV", "steepness of K")
    phi: Array = jm.quantity("1/ms", "rate of K")

    def current(self, u, x):
        m = sigmoid((u + 1.2) / 9)
        return self.g_Ca * m * (u - 120) + 8 * x[0] * (u + 84) + 2 * (u + 60)

    def rates(self, u, x):
        return self.phi * jnp.cosh((u - self.V3) / (2 * self.V4)) * (self.rest(u) - x)

    def rest(self, u):
        return sigmoid(2 * (u - self.V3) / self.V4)[None]


class Gated(jm.AbstractBranch):
    """A membrane whose gates open at a(u) and shut at b(u): dx/dt = a (1 - x) - b x."""

    @abc.abstractmethod
    def openings(self, u):
        """a and b [1/ms]."""

    def rates(self, u, x):
        a, b = self.openings(u)
        return a * (1 - x) - b * x

    def rest(self, u):
        a, b = self.openings(u)
        return a / (a + b)


def bend(z):
    """z/(exp(z) - 1), 1 at z = 0."""
    small = jnp.abs(z) < 1e-4
    full = jnp.where(small, 1.0, z)
    return jnp.where(small, 1 - z / 2 + z**2 / 12, full / jnp.expm1(full))


class HodgkinHuxley(Gated):
    """Hodgkin & Huxley 1952 at 6.3 C, u from rest: m, h, n."""

    states = ("m", "h", "n")
    units = ("1", "1", "1")

    def current(self, u, x):
        m, h, n = x
        return 120 * m**3 * h * (u - 115) + 36 * n**4 * (u + 12) + 0.3 * (u - 10.599)

    def openings(self, u):
        a = [bend((25 - u) / 10), 0.07 * jnp.exp(-u / 20), 0.1 * bend((10 - u) / 10)]
        b = [4 * jnp.exp(-u / 18), sigmoid((u - 30) / 10), 0.125 * jnp.exp(-u / 80)]
        return jnp.stack(a), jnp.stack(b)


class KoperGaspard(jm.AbstractBranch):
    """Koper & Gaspard 1992: reduction with a negative resistance, and diffusion in two layers."""

    states = ("c", "w")
    units = ("1", "1")
    d: Array = jm.quantity("1", "rate of diffusion")

    def speed(self, u):
        return 2.5 * jnp.exp(-(jnp.maximum(u - 35, 0.0) ** 2)) + 0.01 * jnp.exp((u - 30) / 2)

    def current(self, u, x):
        return 120 * self.speed(u) * x[0]

    def rates(self, u, x):
        used = 1.25 * jnp.sqrt(self.d) * self.speed(u) * x[0]
        return jnp.stack([2 * self.d * (x[1] - x[0]) - used, 1.6 * self.d * (2 - 3 * x[1] + x[0])])

    def rest(self, u):
        c = 1 / (1 + 0.9375 * self.speed(u) / jnp.sqrt(self.d))
        return jnp.stack([c, (2 + c) / 3])


class Lienard(jm.AbstractBranch):
    """van der Pol 1926 in Lienard's form, u' = mu (I - u^3/3 + u - x), mu x' = u - b x."""

    states = ("x",)
    units = ("A",)
    mu: Array = jm.quantity("1", "stiffness")
    b: Array = jm.quantity("V/A", "leak")

    def current(self, u, x):
        return u**3 / 3 - u + x[0]

    def rates(self, u, x):
        return (u - self.b * x) / self.mu

    def rest(self, u):
        return (u / self.b)[None]


class PersistentSodium(jm.AbstractBranch):
    """I_Na,p + I_K, Izhikevich 2007, chapter 4: Na at once, K with a lag."""

    states = ("n",)
    units = ("1",)
    E_L: Array = jm.quantity("mV", "reversal of the leak", positive=False)
    V_n: Array = jm.quantity("mV", "half opening of K", positive=False)
    tau: Array = jm.quantity("ms", "lag of K")

    def current(self, u, x):
        m = sigmoid((u + 20) / 15)
        return 8 * (u - self.E_L) + 20 * m * (u - 60) + 10 * x[0] * (u + 90)

    def rates(self, u, x):
        return (self.rest(u) - x) / self.tau

    def rest(self, u):
        return sigmoid((u - self.V_n) / 5)[None]


class WangBuzsaki(Gated):
    """Wang & Buzsaki 1996, an interneuron: Na opens at once; h and n lag."""

    states = ("h", "n")
    units = ("1", "1")

    def current(self, u, x):
        a, b = bend(-(u + 35) / 10), 4 * jnp.exp(-(u + 60) / 18)
        m, (h, n) = a / (a + b), x
        return 0.1 * (u + 65) + 35 * m**3 * h * (u - 55) + 9 * n**4 * (u + 90)

    def openings(self, u):
        a = [0.07 * jnp.exp(-(u + 58) / 20), 0.1 * bend(-(u + 34) / 10)]
        return 5 * jnp.stack(a), 5 * jnp.stack(
            [sigmoid((u + 28) / 10), 0.125 * jnp.exp(-(u + 44) / 80)]
        )
