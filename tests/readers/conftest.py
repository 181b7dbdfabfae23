"""What the tests of readers share."""

import pytest


@pytest.fixture
def put(tmp_path):
    """Write a file and give its path."""

    def put(name, content, encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
        return path

    return put
