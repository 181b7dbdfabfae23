"""Text files as people save them: UTF-8, or what PowerShell 5 writes for `>`, which is UTF-16."""

import codecs
from pathlib import Path


def text_of(path: Path) -> str:
    """The text of a file: UTF-16 where a byte order mark says so, else UTF-8.

    **Raises:** `UnicodeDecodeError` for bytes that are no text, `OSError` if it cannot be read.
    """
    data = path.read_bytes()
    utf_16 = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = data.decode("utf-16" if utf_16 else "utf-8-sig")
    return text.replace("\r\n", "\n").replace("\r", "\n")
