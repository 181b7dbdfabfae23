"""Fits that are linear in their parameters, of which everything is known in closed form."""

import jax.numpy as jnp
import numpy as np

from fitting import Free, MultiStart, On, Space, SteadyCurve, absolute, estimated, fit

NAMES = ("a", "b", "c")
TRUTH = np.array([1.0, -2.0, 0.5])


class Line(SteadyCurve):
    """A measurement that is X @ (a, b, c), of a model that is a dictionary."""

    X: np.ndarray

    def __init__(self, X, y, sigma):
        super().__init__(y, u=np.arange(len(y)), sigma=sigma)
        self.X = np.asarray(X)

    def check(self, model):
        """Any dictionary will do."""

    def signal(self, model):
        return jnp.asarray(self.X) @ jnp.stack([model[name] for name in NAMES])


def curves(n=40, sigma=0.3, seed=0):
    """A design matrix with correlated columns, data, and their standard deviation."""
    rng = np.random.default_rng(seed)
    t = np.linspace(-1, 1, n)
    X = np.stack([np.ones(n), t, t**2 + 0.3 * t], axis=1)
    return X, X @ TRUTH + sigma * rng.normal(size=n), sigma


def linear(X, y, sigma, low=(None, None, None), terms=()):
    """The fit; with sigma None the scale of the noise is estimated."""
    noise = estimated(absolute(1.0)) if sigma is None else np.asarray(sigma)
    model = {name: jnp.asarray(value) for name, value in zip(NAMES, TRUTH, strict=True)}
    space = Space(
        *(Free(lambda m, n=n: m[n], name=n, low=a) for n, a in zip(NAMES, low, strict=True))
    )
    return fit([On(_whole, Line(X, y, noise)), *terms], model, space, starts=MultiStart(0))


def least_squares(X, y, sigma):
    """Best values, and their covariance."""
    return np.linalg.lstsq(X, y, rcond=None)[0], sigma**2 * np.linalg.inv(X.T @ X)


def _whole(model):
    return model
