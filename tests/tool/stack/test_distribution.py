"""Where patch sets are found."""

import pytest
from specroll.errors import RequestError
from specroll.stack import distribution


def test_distribution_of_a_checkout():
    assert (distribution.find().root / "patches").is_dir()


def test_distribution_inside_the_package(tmp_path, monkeypatch):
    inside = tmp_path / "specroll/distribution"
    (inside / "patches/1.0").mkdir(parents=True)
    (inside / "patches/1.0/stack.toml").write_text("")
    monkeypatch.setattr(distribution, "__file__", str(tmp_path / "specroll/stack/distribution.py"))
    assert distribution.find().root == inside


def test_no_distribution(tmp_path):
    with pytest.raises(RequestError, match=r"No patches/<stack>/stack.toml in"):
        distribution.find(tmp_path)
