"""What a goal may name."""

from fitting.designs.goals.at_a_bias import AT_A_BIAS
from fitting.designs.goals.in_time import IN_TIME
from fitting.designs.goals.oscillating import OSCILLATING
from fitting.designs.goals.what_is_asked import Quantity as Quantity

QUANTITIES = OSCILLATING | AT_A_BIAS | IN_TIME
# What each thing said with a quantity is, and its unit.
KEYS = {
    "u": ("V", "voltage over the memristor"),
    "I": ("A", "current"),
    "V": ("V", "applied voltage; of a loop, where it turns"),
    "freq": ("Hz", "frequency"),
    "rate": ("V/s", "scan rate"),
    "width": ("s", "duration of the pulse"),
    "delay": ("s", "time after the pulse's end; 0, its end, by default"),
    "within": ("s", "how long a maximum is waited for; by default ten times what is asked"),
}
POSITIVE_KEYS = ("freq", "rate", "width", "within")
