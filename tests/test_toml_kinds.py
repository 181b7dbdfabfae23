"""A file of ours that is given to the wrong command is called what it is."""

import pytest

from fitting.study.spec_file import read_spec
from jaxmem.apps.oscillations.specification import read_sweep
from jaxmem.devices import read_device
from jaxmem.networks import circuit_of

pytestmark = pytest.mark.quick

FILES = {
    "specification of a fit": '[[spectra]]\nfile = "cell.csv"\n',
    "specification of a sweep": 'device = "device.toml"\n[[axis]]\nparameter = "C_m"\n',
    "this is a device": 'kind = "Memristor3D"\nR_b = 1e4\n',
    "an impedance circuit, R-p(C,R)": 'circuit = "R-p(C,R)"\n',
}
READERS = {
    "specification of a fit": read_spec,
    "specification of a sweep": read_sweep,
    "this is a device": read_device,
    "an impedance circuit, R-p(C,R)": lambda path: circuit_of(str(path)),
}


@pytest.mark.parametrize("what", FILES)
@pytest.mark.parametrize("wanted", READERS)
def test_a_file_of_another_kind_is_called_what_it_is(what, wanted, tmp_path):
    # Each of them lacks something: what it is must be said before what it lacks.
    path = tmp_path / "given.toml"
    path.write_text(FILES[what])
    try:
        READERS[wanted](path)
    except ValueError as error:
        assert (what in str(error)) == (what != wanted), error
    else:
        assert what == wanted
