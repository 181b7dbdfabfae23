"""A seeded sample of damaged files; the benchmark `read_fuzz` has ten thousand."""

from benchmarks.fits.read_fuzz import fuzz
from benchmarks.harness import in_new_process


def test_damaged_files_are_read_right_or_refused():
    # Without the checks of types, which take most of the time here.
    found = in_new_process(fuzz, 500, 7)
    assert found["wrong"] == []
    # The mutants are of all kinds: some are harmless, and most are refused.
    said = {}
    for counts in found["counts"].values():
        for word, count in counts.items():
            said[word] = said.get(word, 0) + count
    assert sum(said.values()) == 500
    assert said["refused"] > 150 and said["said"] > 20 and said["same"] > 40
