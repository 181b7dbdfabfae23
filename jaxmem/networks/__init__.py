"""Impedance circuits that a user writes down: what answers in frequency, and in nothing else."""

from jaxmem.networks.braces import Given as Given
from jaxmem.networks.elements import AbstractElement as AbstractElement
from jaxmem.networks.equal import EqualCircuit as EqualCircuit
from jaxmem.networks.equal import as_device as as_device
from jaxmem.networks.equal import conversions as conversions
from jaxmem.networks.equal import equal_circuits as equal_circuits
from jaxmem.networks.file import circuit_from_toml as circuit_from_toml
from jaxmem.networks.file import circuit_of as circuit_of
from jaxmem.networks.file import network_from_toml as network_from_toml
from jaxmem.networks.file import network_to_toml as network_to_toml
from jaxmem.networks.network import Network as Network
from jaxmem.networks.network import letters_of as letters_of
from jaxmem.networks.network import with_values as with_values
from jaxmem.networks.notation import WrittenCircuit as WrittenCircuit
from jaxmem.networks.notation import read_network as read_network
from jaxmem.networks.notation import written_circuit as written_circuit
