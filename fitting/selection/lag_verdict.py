"""Whether the data tell the paper's two models apart, in words."""

from fitting.estimate.result import Fit

# Differences of BIC from here on are strong evidence (Kass and Raftery 1995).
STRONG = 6.0


def about_3d(three: Fit, two: Fit) -> str:
    """What the data say of the second lag, from fits of the 3D and the 2D model to them."""
    lags = [name for name in ("tau_d", "tau_2", "tau_k") if name in three.names]
    lost = [name for name in lags if not three.identifiable[three.names.index(name)]]
    gain = two.bic - three.bic
    numbers = (
        f"BIC {three.bic:.1f} against {two.bic:.1f}, relative rms residual "
        f"{_percent(three)} against {_percent(two)}"
    )
    if gain > STRONG and not lost:
        return (
            "The 3D model is identifiable from these data: they need its second lag, and "
            f"determine {' and '.join(lags)} ({numbers} for 2D)."
        )
    if gain > STRONG:
        return (
            "The 3D model is not identifiable from these data: they need a second lag "
            f"({numbers} for 2D), but leave {' and '.join(lost)} open. Spectra at other biases "
            "tell which is which."
        )
    return (
        "The 3D model is not identifiable from these data: it explains them no better than 2D "
        f"({numbers}). That does not exclude a second lag that is faster than they resolve."
    )


def _percent(fit: Fit) -> str:
    return f"{100 * fit.relative_rms_residual:.3g} %"
