"""A text, as a device's TOML, in an address: compressed, in letters that need no escape."""

import base64
import binascii
import zlib

# A device takes a kilobyte; what unpacks to more is none.
LONGEST = 64 * 1024


def pack(text: str) -> str:
    """A text as letters of an address."""
    return base64.urlsafe_b64encode(zlib.compress(text.encode(), 9)).decode().rstrip("=")


def unpack(letters: str) -> str:
    """The text again.

    **Raises:** `ValueError` for letters that `pack` did not make, or of a text that is too long.
    """
    try:
        data = base64.urlsafe_b64decode(letters + "=" * (-len(letters) % 4))
        reader = zlib.decompressobj()
        found = reader.decompress(data, LONGEST)
        if reader.unconsumed_tail or not reader.eof:
            raise ValueError("too long, or cut off")
        return found.decode()
    except (ValueError, zlib.error, binascii.Error, UnicodeError):
        raise ValueError(
            "the device in this address cannot be read: the address is cut off, or was changed"
        ) from None
