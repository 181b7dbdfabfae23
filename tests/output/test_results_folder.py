"""A folder of results never takes the place of what is the user's, and loses no finished work."""

import os
import signal
from pathlib import Path

import pytest

from jaxmem.output.results_folder import MARK, FolderError, check_folder, new_folder
from jaxmem.output.waiting_signals import saving

pytestmark = pytest.mark.quick


def write(path, *, force=False, **files):
    with new_folder(path, force=force) as results:
        for name, text in files.items():
            (results.path / f"{name}.toml").write_text(text)
    return results


def texts(folder):
    return {p.name: p.read_text() for p in sorted(folder.iterdir()) if p.name != MARK}


def test_it_is_written_and_replaced_with_force(tmp_path):
    made = write(tmp_path / "fit", a="1", b="2")
    assert made.place == tmp_path / "fit" and made.notes == []
    assert texts(tmp_path / "fit") == {"a.toml": "1", "b.toml": "2"}
    with pytest.raises(FolderError, match=r"--force"):
        check_folder(tmp_path / "fit")
    (tmp_path / "fit/mine.txt").write_text("mine")
    made = write(tmp_path / "fit", force=True, a="3")
    assert texts(tmp_path / "fit") == {"a.toml": "3", "mine.txt": "mine"} and not made.notes
    assert [p.name for p in tmp_path.iterdir()] == ["fit"]


def test_an_edit_is_kept_under_another_name_and_said(tmp_path):
    write(tmp_path / "fit", device="1", fit="1")
    for k, name in enumerate(("fit.edited.toml", "fit.edited-2.toml")):
        (tmp_path / "fit/fit.toml").write_text(f"edited {k}")
        made = write(tmp_path / "fit", force=True, device="2", fit="2")
        (said,) = made.notes
        assert "fit.toml was edited since it was written, and is kept as" in said and name in said
        assert texts(tmp_path / "fit")[name] == f"edited {k}"
    assert texts(tmp_path / "fit")["fit.toml"] == "2"
    # What an earlier run wrote and this one does not is kept just so.
    (tmp_path / "fit/device.toml").write_text("edited")
    made = write(tmp_path / "fit", force=True, fit="3")
    assert "device.toml was edited" in made.notes[0]
    assert texts(tmp_path / "fit") == {
        "device.edited.toml": "edited", "fit.edited.toml": "edited 0",
        "fit.edited-2.toml": "edited 1", "fit.toml": "3",
    }  # fmt: skip


@pytest.mark.parametrize("appears", ["results", "files", "file", "dir2"])
@pytest.mark.parametrize("force", [False, True])
def test_what_appeared_meanwhile_stays_and_the_results_go_beside_it(tmp_path, appears, force):
    place = tmp_path / "fit"
    check_folder(place, force=force)
    with new_folder(place, force=force) as results:
        (results.path / "a.toml").write_text("new")
        if appears == "results":
            write(place, a="old")
        elif appears == "file":
            place.write_text("old")
        else:
            place.mkdir()
            (place / "b.toml").write_text("old")
        if appears == "dir2":
            (tmp_path / "fit-2").mkdir()
            (tmp_path / "fit-2/c").write_text("old")
    beside = tmp_path / ("fit-3" if appears == "dir2" else "fit-2")
    if appears == "results" and force:
        assert results.place == place and texts(place) == {"a.toml": "new"}
        return
    assert results.place == beside and texts(beside) == {"a.toml": "new"}
    assert f"the results are in {beside}" in results.notes[0]
    assert place.read_text() == "old" if appears == "file" else "old" in texts(place).values()


def test_a_file_of_the_users_where_a_result_goes_is_kept_under_another_name(tmp_path):
    write(tmp_path / "fit", a="1")
    (tmp_path / "fit/b.toml").write_text("mine")
    (tmp_path / "fit/c.toml").write_text("mine")
    with new_folder(tmp_path / "fit", force=True) as results:
        for name in "bc":
            (results.path / f"{name}.toml").write_text("2")
            results.publish()
    assert ["not written by this program" in note for note in results.notes] == [True, True]
    assert texts(tmp_path / "fit") == {
        "b.kept.toml": "mine", "b.toml": "2", "c.kept.toml": "mine", "c.toml": "2"
    }  # fmt: skip


def test_what_was_published_stays_when_the_rest_fails(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        with new_folder(tmp_path / "fit") as results:
            (results.path / "numbers.toml").write_text("1")
            results.publish()
            (results.path / "figure.toml").write_text("half")
            raise KeyboardInterrupt
    assert texts(tmp_path / "fit") == {"numbers.toml": "1"}
    with pytest.raises(KeyboardInterrupt):
        with new_folder(tmp_path / "none") as results:
            (results.path / "numbers.toml").write_text("1")
            raise KeyboardInterrupt
    assert [p.name for p in tmp_path.iterdir()] == ["fit"]


def test_a_run_that_is_killed_while_files_move_leaves_a_folder_to_replace(tmp_path, monkeypatch):
    write(tmp_path / "fit", a="1")
    move, moved = os.replace, []

    def once(source, target):
        if Path(target).suffix == ".toml":
            if moved:
                raise SystemExit
            moved.append(target)
        move(source, target)

    monkeypatch.setattr(os, "replace", once)
    with pytest.raises(SystemExit):
        write(tmp_path / "fit", force=True, a="2", b="2")
    assert texts(tmp_path / "fit") == {"a.toml": "2"}
    monkeypatch.undo()
    check_folder(tmp_path / "fit", force=True)
    made = write(tmp_path / "fit", force=True, b="3")
    assert made.notes == [] and texts(tmp_path / "fit") == {"b.toml": "3"}


def test_an_old_list_and_an_edited_one(tmp_path):
    """A list without hashes is one of an earlier version; paths in it must not lead outside."""
    write(tmp_path / "fit", a="1")
    (tmp_path / "outside.toml").write_text("mine")
    (tmp_path / "fit" / MARK).write_text("a.toml\n../outside.toml\n/etc/passwd\n")
    made = write(tmp_path / "fit", force=True, b="2")
    assert made.notes == [] and texts(tmp_path / "fit") == {"b.toml": "2"}
    assert (tmp_path / "outside.toml").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="SIGTERM as POSIX knows it")
def test_ctrl_c_waits_until_numbers_are_in_their_place(tmp_path):
    """What was computed for an hour is not lost by a signal while it is written; what comes after
    `publish` is interrupted at once, and so is the next folder."""
    for k, published in enumerate((True, False)):
        place, seen = tmp_path / f"fit{k}", []
        with pytest.raises(KeyboardInterrupt):
            with new_folder(place) as results:
                (results.path / "fit.json").write_text("1")
                signal.raise_signal(signal.SIGINT)
                (results.path / "fit.nc").write_text("2")
                seen.append(saving())
                if published:
                    results.publish()
                    seen.append("not reached")
        assert seen == [True] and not saving()
        assert texts(place) == {"fit.json": "1", "fit.nc": "2"}
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


def test_a_failure_is_not_hidden_by_a_signal_that_waits(tmp_path):
    """A full disk is said, and not `interrupted`."""
    with pytest.raises(OSError, match="full"):
        with new_folder(tmp_path / "fit"):
            signal.raise_signal(signal.SIGINT)
            raise OSError("the disk is full")
    assert not (tmp_path / "fit").exists() and not saving()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)
