"""What is applied, and the differential equation that results."""

from jaxmem.circuits.circuit import Circuit as Circuit
from jaxmem.circuits.drive import AbstractDrive as AbstractDrive
from jaxmem.circuits.drive import CurrentDrive as CurrentDrive
from jaxmem.circuits.drive import DriveKind as DriveKind
from jaxmem.circuits.drive import EitherDrive as EitherDrive
from jaxmem.circuits.drive import VoltageDrive as VoltageDrive
from jaxmem.circuits.drive import drive_of_kind as drive_of_kind
from jaxmem.circuits.text import parse_drive as parse_drive
from jaxmem.circuits.waveform import AbstractWaveform as AbstractWaveform
from jaxmem.circuits.waveform import Constant as Constant
from jaxmem.circuits.waveform import Pulse as Pulse
from jaxmem.circuits.waveform import PulseTrain as PulseTrain
from jaxmem.circuits.waveform import Sampled as Sampled
from jaxmem.circuits.waveform import Sine as Sine
from jaxmem.circuits.waveform import Step as Step
from jaxmem.circuits.waveform import Sum as Sum
from jaxmem.circuits.waveform import Triangle as Triangle
