"""Workbooks of spreadsheets, which are refused with the export that works."""

from fitting.readers.source import Source

# The first bytes of an .xls, and what stands in the packages of .xlsx and .ods.
_XLS = b"\xd0\xcf\x11\xe0"
_PACKAGES = (b"[Content_Types].xml", b"xl/workbook.xml", b"mimetypeapplication/vnd.oasis")


def refuse_workbook(source: Source, data: bytes) -> None:
    """Raise for a workbook of Excel, LibreOffice or the like."""
    if data.startswith(_XLS) or (data.startswith(b"PK") and any(p in data for p in _PACKAGES)):
        raise source.error(
            "this is a workbook of a spreadsheet, which is not read; save the sheet that has the "
            "data as CSV, with one header line such as freq_Hz, Re_Z_ohm, Im_Z_ohm, or t_s, V_V, "
            "I_A"
        )
