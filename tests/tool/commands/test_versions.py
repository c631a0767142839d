"""VERSIONS.md, generated and compared."""


def test_versions(tool, project):
    assert tool("versions", "--check").code == 1
    assert tool("versions", "--write").code == 0
    page = (project.root / "VERSIONS.md").read_text()
    for text in (
        "## Stack 1.0",
        "### alpha 1.0",
        "| `0001-bugfix-first.patch` | [bugfix] First | Pending |",
        "| `gamma/__init__.py` | alpha |",
        "| alpha | 1.0 | `alpha-1.0-py3-none-any.whl` |",
        "| requirements | `alpha==1.0` |",
        "| options | quick = `True` |",
    ):
        assert text in page
    assert tool("versions", "--check").code == 0
    assert tool("versions", "--write").out.endswith("nothing to do\n")
    (project.root / "VERSIONS.md").write_text("stale")
    result = tool("versions", "--check")
    assert (result.code, "is stale; run" in result.out) == (1, True)


def test_further_versions_have_a_line_each(tool, project, make, tmp_path):
    archive = make.source_archive(tmp_path, "alpha", "1.0.post1", make.later)
    project.pin_further(archive, "1.0.post1")
    assert tool("versions", "--write").code == 0
    page = (project.root / "VERSIONS.md").read_text()
    assert "| alpha | 1.0 | `alpha-1.0-py3-none-any.whl` |" in page
    assert "| alpha | 1.0.post1 | `alpha-1.0.post1.tar.gz` |" in page


def test_versions_of_a_malformed_stack(tool, project):
    (project.stack / "alpha/0001-bugfix-first.patch").unlink()
    result = tool("versions", "--check")
    assert result.code == 3
    assert "0001-bugfix-first.patch cannot be read" in result.err
