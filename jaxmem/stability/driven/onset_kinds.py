"""In which ways spiking begins as a constant drive rises."""

import equinox as eqx


class ONSETS(eqx.Enumeration):
    """How spiking begins as a constant drive rises, each with a sentence."""

    none = "it does not spike"
    soft_hopf = "a soft Hopf point: the amplitude grows from zero"
    hard_hopf = "a hard Hopf point: it jumps to a cycle of finite size"
    snic = (
        "a saddle-node on the cycle (SNIC): rest vanishes, and spikes begin with a period that "
        "grows like one over the square root of the distance"
    )
    homoclinic = (
        "a homoclinic orbit: spiking that has begun ends at a saddle, with a period that grows "
        "like the logarithm of the distance"
    )
    saddle_node = (
        "a saddle-node off the cycle: rest vanishes, and spiking begins with a finite period"
    )
    unknown = "its kind could not be told from the cycles that were found"


def name_of(onset: ONSETS) -> str:
    """The name of a known onset, `"snic"`."""
    names = "none", "soft_hopf", "hard_hopf", "snic", "homoclinic", "saddle_node"
    return next((name for name in names if bool(onset == getattr(ONSETS, name))), "unknown")
