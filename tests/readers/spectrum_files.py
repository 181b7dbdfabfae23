"""Spectra as instruments write them: each sample has the structure of an export, and a known
impedance inside."""

import io
import warnings

import numpy as np

from fitting.readers import ReadError, read_spectra
from fitting.terms.spectrum import Spectrum

FREQ = np.logspace(5, -1, 19)


def impedance(freq, R_s=40.0, R_b=12e3, C=1e-8, R_a=30e3, L=150.0):
    """An inductive loop below 5 Hz, capacitive above."""
    s = 2j * np.pi * freq
    return R_s + 1 / (C * s + 1 / R_b + 1 / (R_a + L * s))


Z = impedance(FREQ)


def same(spectrum, Z=Z, freq=FREQ, rtol=1e-9):
    np.testing.assert_allclose(spectrum.freq, freq, rtol=rtol)
    np.testing.assert_allclose(spectrum.Z, Z, rtol=rtol)
    return True


def rows(*columns, sep=",", decimal="."):
    lines = (sep.join(repr(float(v)) for v in row) for row in zip(*columns, strict=True))
    return "\n".join(line.replace(".", decimal) for line in lines) + "\n"


def mpt(freq=FREQ, Z=Z, V=0.3, cycle=1, head=7, decimal=".", names=None):
    """EC-Lab: a counted preamble, -Im(Z), measured <Ewe> that scatters by microvolts."""
    names = names or ["freq/Hz", "Re(Z)/Ohm", "-Im(Z)/Ohm", "|Z|/Ohm", "time/s", "<Ewe>/V"]
    names = [*names, "<I>/mA", "Cs/µF", "cycle number", "Im(Y)/Ohm-1", ""]
    n = np.arange(len(freq))
    cycle = np.broadcast_to(cycle, freq.shape)
    V = np.broadcast_to(V, freq.shape) + 1e-6 * (-1.0) ** n
    body = rows(
        *(freq, Z.real, -Z.imag, abs(Z), 5 + n, V, 0 * n, 0 * n, cycle, (1 / Z).imag),
        sep="\t",
        decimal=decimal,
    )
    top = ["EC-Lab ASCII FILE", f"Nb header lines : {head}", "", "fi\t1,000", "Potentio EIS", ""]
    top += ["x"] * (head - 7)
    return "\r\n".join([*top, "\t".join(names), *body.splitlines(), ""])


def dta(tables=((FREQ, Z, 0.3),), aborted=False, extra="", decimal="."):
    """Gamry: an OCV table of no interest, then tables of impedances with names and units."""
    text = "EXPLAIN\nTAG\tEISPOT\nVDC\tPOTEN\t5.00000E-001\tT\tDC &Voltage (V)\n"
    text += "OCVCURVE\tTABLE\t2\n\tPt\tT\tVf\n\t#\ts\tV vs. Ref.\n\t0\t0.1\t0.2\n\t1\t0.2\t0.2\n"
    for freq, Z, V in tables:
        text += (
            "ZCURVE\tTABLE\n\tPt\tTime\tFreq\tZreal\tZimag\tZsig\tZmod\tZphz\tIdc\tVdc\tIERange\n"
        )
        text += "\t#\ts\tHz\tohm\tohm\tV\tohm\t°\tA\tV\t#\n"
        n = np.arange(len(freq))
        phase = np.angle(Z, deg=True)
        body = (n, n + 2, freq, Z.real, Z.imag, 0 * n + 1, abs(Z), phase, 1e-6 + 0 * n, V + 0 * n)
        lines = rows(*body, 0 * n + 8, sep="\t", decimal=decimal).splitlines()
        text += "".join(f"\t{line}\n" for line in lines)
    text += extra
    if aborted:
        text += (
            "EXPERIMENTABORTED\tTOGGLE\tT\tExperiment Aborted\nFRACURVE\tTABLE\t1\n\tPt\n\t#\n\t0\n"
        )
    return text


def autolab():
    """Autolab, as written for ZView: names quoted as a whole, numbers separated by commas."""
    zero = 0 * FREQ
    body = rows(FREQ, zero, zero, zero, Z.real, Z.imag, zero, zero, zero)
    names = "\"  Freq (Hz)    Ampl     Bias   Time(Sec)   Z'(a)    Z''(b)    GD   Err   Range\""
    return f'"Z60W Data File: Version 1.1"\n""\n0,2,0,1,0.1,10000\n{len(FREQ)}\n{names}\n{body}'


def chi():
    """CH Instruments: prose, names, an empty line; Z/ohm is the modulus."""
    body = rows(FREQ, Z.real, Z.imag, abs(Z), np.angle(Z, deg=True)).replace(",", ", ")
    return (
        "Feb. 20, 2020   15:55:08\nA.C. Impedance\nInit E (V) = 0\nHigh Frequency (Hz) = 2e+6\n"
        f"Low Frequency (Hz) = 0.1\n\nFreq/Hz, Z'/ohm, Z\"/ohm, Z/ohm, Phase/deg\n\n{body}"
    )


def parstat(V=(0.4,)):
    """Parstat: dc rows of frequency zero before each spectrum, all in one table."""
    text = (
        "Potential (V)\tCurrent (A)\tElapsed Time (s)\tFrequency (Hz)\tZre (ohms)\tZim (ohms)\t\n"
    )
    zero = np.zeros(3)
    for k, v in enumerate(V):
        t = 1000.0 * k
        text += rows(zero + 0.1 * k, zero, t + np.arange(3), zero, zero, zero, sep="\t")
        n = np.arange(len(FREQ))
        text += rows(v + 0 * n, 0 * n, t + 10 + n, FREQ, Z.real, Z.imag, sep="\t")
    return text


def powersuite():
    return "Frequency\t Zre\t Zimg\r\r\n" + rows(FREQ, Z.real, Z.imag, sep="\t ").replace(
        "\n", "\r\r\n"
    )


def par(segments=((FREQ, Z, 0.25),)):
    """VersaStudio: tags, `key=value`, and points under Definition=; segments may be dc."""
    text = "<Application>\nName=VersaStudio\n</Application>\n<Action1>\nSegments=1\n</Action1>\n"
    names = "Segment #, Point #, E(V), I(A), Elapsed Time(s), Status, E Applied(V), Frequency(Hz)"
    names += ", E Real, E Imag, Z Real, Z Imag, Z2 Real, Z2 Imag, 0"
    for k, (freq, Z, V) in enumerate(segments):
        zero, n = np.zeros(len(freq)), np.arange(len(freq))
        body = rows(
            *(zero + k, n, zero + V, zero - 3e-6, n + 1.8, zero, zero, freq),
            *(zero + 7, zero + 7, Z.real, Z.imag, zero, zero),
        )
        text += f"<Segment{k + 1}>\nType=2\nDefinition={names}\n{body}</Segment{k + 1}>\n"
    return text + "<Graph1>\nAnalysis=0\n</Graph1>\n"


def zplot(comments=True, bias=0.2, kind="Control Voltage"):
    n = np.arange(len(FREQ))
    columns = (FREQ, 0.01 + 0 * n, bias + 0 * n, 1.5 + n, Z.real, Z.imag, 0 * n, 0 * n, 3 + 0 * n)
    if not comments:
        names = "\"  Freq(Hz)    Ampl     Bias   Time(Sec)   Z'(a)    Z''(b)    GD   Err   Range\""
        top = f'"ZPlotW Data File: Version 3.2c"\n"Raw Data"\n"{kind}"\n"Frequency"\n'
        return f"{top}0,3,0,1,300000,0.005\n79\n{names}\n{rows(*columns).replace(',', ', ')}"
    top = (
        f"ZPLOT2 ASCII\n  Experiment Type:      Sweep Frequency, {kind}\n  Begin Experiment:   0\n"
    )
    top += "    Potential-DC:             0\n    vs Freq-Initial:          300000\n"
    names = "  Freq(Hz)\tAmpl\tBias\tTime(Sec)\tZ'(a)\tZ''(b)\tGD\tErr\tRange\n"
    return f"{top}  Data Points:    19\n{names}  End Comments\n{rows(*columns, sep=chr(9))}"


SAMPLES = {
    "gamry.DTA": (dta(), "V", 0.3),
    "gamry_comma.DTA": (dta(decimal=","), "V", 0.3),
    "autolab.txt": (autolab(), None, 0.0),
    "chi.txt": (chi(), None, 0.0),
    "parstat.txt": (parstat(), "V", 0.4),
    "powersuite.txt": (powersuite(), None, 0.0),
    "versastudio.par": (par(), "V", 0.25),
    "zplot.z": (zplot(), "V", 0.2),
    "zplot_bare.z": (zplot(comments=False), "V", 0.2),
}


MPR = b"BIO-LOGIC MODULAR FILE\x1a" + bytes(100)


def mpr_bytes():
    """The layout of EC-Lab 11: a magic line, a module of settings, a module of points."""

    def module(name, content):
        head = b"MODULE" + name.ljust(10) + name.ljust(25) + np.uint32(len(content)).tobytes()
        return head + np.uint32(0).tobytes() + b"06/01/20" + content

    # Columns 32, 37 and 38 are frequency, Re Z and -Im Z, each a float32.
    points = np.stack([FREQ, Z.real, -Z.imag], axis=1).astype("<f4").tobytes()
    head = np.uint32(len(FREQ)).tobytes() + bytes([3, 32, 37, 38])
    content = head.ljust(100, b"\0") + points
    magic = b"BIO-LOGIC MODULAR FILE\x1a" + b" " * 25 + b"\0" * 4
    return magic + module(b"VMP Set", bytes(10)) + module(b"VMP data", content)


PLAIN = (FREQ, Z.real, Z.imag)


def npz(**arrays):
    buffer = io.BytesIO()
    np.savez(buffer, **arrays)
    return buffer.getvalue()


def csv_lines(**changes):
    lines = ["freq_Hz,Re_Z_ohm,Im_Z_ohm", *rows(*PLAIN).splitlines()]
    for at, line in changes.items():
        lines[int(at[1:]) - 1] = line
    return "\n".join(lines) + "\n"


def reads_or_refuses(path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Remarks of the reader are fine; numpy's about garbage are not.
        warnings.simplefilter("ignore", UserWarning)
        try:
            spectra = read_spectra(path)
        except ReadError as e:
            assert str(path) in str(e)
            return
    assert spectra and all(isinstance(s, Spectrum) for s in spectra)
    for s in spectra:
        assert np.isfinite(s.freq).all() and np.isfinite(s.Z).all() and (s.freq > 0).all()
        assert np.isfinite(s.bias[1]) and np.isfinite(s.time or 0.0)
