"""What is kept of proofs."""

import pytest

from ci.proving import records
from ci.proving.patches import ProvablePatch
from ci.proving.records import Record, RecordsError, of_patches, read, write

PATCHES = [
    ProvablePatch(f"alpha/{name}", digest * 64, ("tests/t.py::test",))
    for name, digest in (("0001-bugfix-b.patch", "0"), ("0002-feature-a.patch", "1"))
]
RECORDS = {
    patch.path: Record(patch.sha256, [patch.path], {"tests/t.py::test": "fails: OSError"})
    for patch in PATCHES
}


def test_what_is_written_is_read(tmp_path):
    assert read(tmp_path) == {}
    write(tmp_path, RECORDS)
    assert read(tmp_path) == RECORDS


def test_the_order_of_records_makes_no_difference(tmp_path):
    write(tmp_path, RECORDS)
    first = (tmp_path / "proofs.json").read_bytes()
    write(tmp_path, dict(reversed(RECORDS.items())))
    assert (tmp_path / "proofs.json").read_bytes() == first


def test_a_file_that_cannot_be_finished_leaves_the_old_one(tmp_path, monkeypatch):
    write(tmp_path, RECORDS)

    def fail(self, target):
        raise OSError("the disk is full")

    monkeypatch.setattr(records.Path, "replace", fail)
    with pytest.raises(OSError, match="full"):
        write(tmp_path, {})
    assert read(tmp_path) == RECORDS


def test_a_patch_that_has_changed_or_is_gone_has_no_record():
    changed = ProvablePatch(PATCHES[1].path, "2" * 64, PATCHES[1].proofs)
    assert of_patches(RECORDS, PATCHES) == RECORDS
    assert list(of_patches(RECORDS, [PATCHES[0], changed])) == [PATCHES[0].path]
    assert list(of_patches(RECORDS, PATCHES[1:])) == [PATCHES[1].path]


@pytest.mark.parametrize("text", ["{", "[]", '{"alpha/a.patch": {"hash": 1}}', '{"a": []}'])
def test_a_damaged_file_is_one_sentence(tmp_path, text):
    (tmp_path / "proofs.json").write_text(text)
    with pytest.raises(RecordsError, match=r"proofs\.json is damaged .*; delete it"):
        read(tmp_path)
