"""Which processes have a package loaded."""

from specroll.target import processes


def test_processes_that_cannot_be_read(tmp_path, monkeypatch):
    (tmp_path / "1").mkdir()
    monkeypatch.setattr(processes, "PROCESSES", tmp_path)
    assert processes.using(tmp_path) == []
