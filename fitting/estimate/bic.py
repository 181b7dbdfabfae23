"""What the BIC of fits to the same data says, in words."""

from collections.abc import Sequence

# Differences of BIC from here on are strong evidence (Kass and Raftery 1995).
STRONG = 6.0


def bic_sentence(best: str, others: Sequence[tuple[str, float]], details: str) -> str:
    """Which of some models the data choose by BIC, or that they cannot tell.

    **Arguments:**

    - `best`: the name of the model of least BIC.
    - `others`: the name of each other model, and by how much its BIC is larger.
    - `details`: what stands in brackets.
    """
    doubt = [(name, gap) for name, gap in others if gap < STRONG]
    if doubt:
        names = " and ".join(name for name, _ in doubt)
        gaps = " and ".join(f"{gap:.1f}" for _, gap in doubt)
        return (
            f"Cannot tell {best} from {names}: the BIC differs by {gaps}, less than {STRONG:g} "
            f"({details})."
        )
    beaten = " and ".join(f"than {name} by {gap:.0f}" for name, gap in others)
    return f"{best[:1].upper()}{best[1:]} explains the data better {beaten} in BIC ({details})."


def size_in_words(name: str, parameters: int) -> str:
    """How large a model is: `2D with 6 parameters`."""
    return f"{name} with {parameters} parameter{'' if parameters == 1 else 's'}"
