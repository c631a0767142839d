"""Compiled kernels are kept outside the package, and compilation works without a folder."""

import os
import subprocess
import sys
from pathlib import Path

import sam_drafting
from sam_drafting.kernels import compilation
from sam_drafting.kernels.compilation import cache_folder

PACKAGE = Path(sam_drafting.__file__).parent
DRAFT = (
    "from sam_drafting import SAM; s = SAM(1); s.add_tokens([1, 2]);"
    "assert s.gen_draft(s.lookup(1)[0], 1) == [2]"
)


def run_with_cache_at(folder):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(folder), "PYTHONPATH": str(PACKAGE.parent)}
    subprocess.run([sys.executable, "-c", DRAFT], env=environment, check=True)


def test_kernels_are_cached_where_the_user_says_and_not_in_the_package(tmp_path):
    run_with_cache_at(tmp_path)
    assert list(tmp_path.rglob("*.nbi"))
    assert not list(PACKAGE.rglob("*.nbi"))


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    run_with_cache_at(blocked)


def test_the_folder_changes_with_the_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(compilation, "PACKAGE", tmp_path)
    source = tmp_path / "kernels" / "voting.py"
    source.parent.mkdir()
    source.write_text("a = 1")
    before = cache_folder()
    source.write_text("a = 2")
    assert cache_folder() != before
