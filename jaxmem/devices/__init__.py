"""What relates current, voltage and memory: branches, and the devices made of them."""

from jaxmem.devices.branch import AbstractBranch as AbstractBranch
from jaxmem.devices.constant_phase import CapacitiveLadder as CapacitiveLadder
from jaxmem.devices.constant_phase import ConstantPhase as ConstantPhase
from jaxmem.devices.device import AbstractDevice as AbstractDevice
from jaxmem.devices.device import Device as Device
from jaxmem.devices.device import Memristor2D as Memristor2D
from jaxmem.devices.device import Memristor3D as Memristor3D
from jaxmem.devices.device import paper_device as paper_device
from jaxmem.devices.device import si_device as si_device
from jaxmem.devices.file import DeviceFileError as DeviceFileError
from jaxmem.devices.file import device_from_toml as device_from_toml
from jaxmem.devices.file import device_to_toml as device_to_toml
from jaxmem.devices.file import read_device as read_device
from jaxmem.devices.file import write_device as write_device
from jaxmem.devices.perovskite import ActivatedConduction as ActivatedConduction
from jaxmem.devices.perovskite import DelayedConduction as DelayedConduction
from jaxmem.devices.perovskite import Leak as Leak
from jaxmem.devices.relatives import MemoryConductance as MemoryConductance
from jaxmem.devices.relatives import Photocurrent as Photocurrent
from jaxmem.devices.relatives import Polarisation as Polarisation
from jaxmem.devices.relatives import SlowConductance as SlowConductance
from jaxmem.devices.relatives import TwoLagConductance as TwoLagConductance
from jaxmem.devices.switching import RectifyingLeak as RectifyingLeak
from jaxmem.devices.switching import SwitchingConductance as SwitchingConductance
from jaxmem.devices.thermal import ThermalSwitch as ThermalSwitch
