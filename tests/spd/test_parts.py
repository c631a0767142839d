"""Parts: whole or absent, and never those of another computation."""

import pyarrow as pa
import pytest
from spd import parts
from spd.kept_settings import SettingsError
from spd.parts import Parts

SETTINGS = {"seed": 1, "model": "small"}
TABLE = pa.table({"draft": [[1, 2], [3]]})


def test_parts_are_found_again(tmp_path):
    first = Parts(tmp_path / "parts", SETTINGS)
    assert "a" not in first
    first.write("a", TABLE)
    again = Parts(tmp_path / "parts", dict(SETTINGS))
    assert "a" in again
    assert again.read("a") == TABLE
    again.remove()
    assert not (tmp_path / "parts").exists()


@pytest.mark.parametrize(
    ("other", "differing"),
    [
        ({"seed": 2, "model": "small"}, "another seed:"),
        ({"seed": 2, "model": "large"}, "another seed, model:"),
    ],
)
def test_parts_made_with_other_settings_are_refused(tmp_path, other, differing):
    Parts(tmp_path / "parts", SETTINGS)
    with pytest.raises(SettingsError, match=f"parts was made with {differing} go on with"):
        Parts(tmp_path / "parts", other)


def test_settings_that_cannot_be_read(tmp_path):
    (tmp_path / "settings.json").write_text("{")
    with pytest.raises(SettingsError, match=r"settings.json is not JSON: .*remove the folder"):
        Parts(tmp_path, SETTINGS)


def test_a_part_that_is_half_written_is_absent(tmp_path, monkeypatch):
    def fail(_, file):
        file.write_bytes(b"PAR1")
        raise OSError("the disk is full")

    monkeypatch.setattr(parts.pq, "write_table", fail)
    kept = Parts(tmp_path / "parts", SETTINGS)
    with pytest.raises(OSError, match="the disk is full"):
        kept.write("a", TABLE)
    assert "a" not in kept
