"""Files inside of wheels and source archives."""

import io
import tarfile
import zipfile

import pytest
from specroll.errors import NotPinnedError
from specroll.stack import archive

from testing import small_project

FILES = {**small_project.UPSTREAM, "alphabet/__init__.py": ""}
BUILDERS = [small_project.build_wheel, small_project.build_source_archive]


@pytest.fixture(params=BUILDERS, ids=["wheel", "source archive"])
def packed(request, tmp_path):
    return request.param(tmp_path, "alpha", "1.0", FILES)


def test_paths_are_those_of_site_packages(packed):
    assert archive.paths(packed) >= FILES.keys()
    beside = archive.paths(packed) - FILES.keys()
    assert {path.partition("/")[0] for path in beside} <= {
        "PKG-INFO",
        "setup.py",
        "alpha-1.0.dist-info",
    }


def test_named_files_are_read(packed):
    found = archive.read_files(packed, ["alpha/old.py", "alpha/data.bin", "alpha/nowhere.py"])
    assert found == {"alpha/old.py": b"gone = True\n", "alpha/data.bin": b"\0\1"}


def test_text_files_of_a_package(packed):
    found = dict(archive.text_files(packed, "alpha"))
    text = {path: text.encode() for path, text in FILES.items() if path.startswith("alpha/")}
    del text["alpha/data.bin"]
    assert found == text


def test_binary_files_are_known_by_content_too(tmp_path):
    files = {"alpha/a.py": "a", "alpha/b.dat": "\0", "alpha/c.so": "text"}
    path = small_project.build_source_archive(tmp_path, "alpha", "1.0", files)
    assert dict(archive.text_files(path, "alpha")) == {"alpha/a.py": b"a"}


def readers(path):
    """Each way to read an archive."""
    return (
        lambda: archive.paths(path),
        lambda: archive.read_files(path, ["alpha/core.py"]),
        lambda: list(archive.text_files(path, "alpha")),
    )


@pytest.mark.parametrize("name", ["x.whl", "x.tar.gz"])
@pytest.mark.parametrize("content", [b"", b"no archive"])
def test_what_is_no_archive(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    for read in readers(tmp_path / name):
        with pytest.raises(NotPinnedError, match=r"is not a (wheel|source archive) \(.+\); pin a"):
            read()


def test_archive_that_is_not_there(tmp_path):
    for name in ("x.whl", "x.tar.gz"):
        with pytest.raises(NotPinnedError, match="No such file"):
            archive.paths(tmp_path / name)


def test_archive_that_ends_too_early(tmp_path):
    path = small_project.build_source_archive(tmp_path, "alpha", "1.0", FILES)
    path.write_bytes(path.read_bytes()[:-40])
    for read in readers(path)[::2]:
        with pytest.raises(NotPinnedError, match=r"alpha-1\.0\.tar\.gz is not a source archive"):
            read()


def test_wheel_with_a_spoilt_file(tmp_path):
    path = small_project.build_wheel(tmp_path, "alpha", "1.0", FILES)
    data = path.read_bytes()
    path.write_bytes(data.replace(b"answer = 41", b"answer = 14"))
    with pytest.raises(NotPinnedError, match="is not a wheel"):
        archive.read_files(path, ["alpha/core.py"])


def wheel_of(tmp_path, name, mode):
    with zipfile.ZipFile(tmp_path / "x.whl", "w") as packed:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        packed.writestr(info, "alpha/core.py")
    return tmp_path / "x.whl"


def source_of(tmp_path, *members):
    with tarfile.open(tmp_path / "x-1.tar.gz", "w:gz") as packed:
        for name, kind in members:
            member = tarfile.TarInfo(name)
            member.type, member.linkname = kind, "core.py"
            packed.addfile(member, io.BytesIO())
    return tmp_path / "x-1.tar.gz"


def test_folders_are_no_files(tmp_path):
    assert archive.paths(wheel_of(tmp_path, "alpha/", 0o40755)) == frozenset()
    path = source_of(tmp_path, ("x-1", tarfile.DIRTYPE), ("x-1/alpha", tarfile.DIRTYPE),
                     ("x-1/alpha/a.py", tarfile.REGTYPE))  # fmt: skip
    assert archive.paths(path) == {"alpha/a.py"}


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_links_in_a_source_archive_are_refused(tmp_path, kind):
    path = source_of(tmp_path, ("x-1/alpha/a.py", tarfile.REGTYPE), ("x-1/alpha/b.py", kind))
    with pytest.raises(NotPinnedError, match=r"holds 'x-1/alpha/b\.py', which is not a plain file"):
        archive.paths(path)


def test_links_in_a_wheel_are_refused(tmp_path):
    with pytest.raises(NotPinnedError, match=r"holds 'alpha/b\.py', which is not a plain file"):
        archive.paths(wheel_of(tmp_path, "alpha/b.py", 0o120777))


@pytest.mark.parametrize(
    ("name", "reason"),
    [("../x.py", "leaves the tree"), ("/x.py", "is absolute"), ("x-1/./x.py", "plain form")],
)
def test_paths_that_lead_elsewhere_are_refused(tmp_path, name, reason):
    for path in (wheel_of(tmp_path, name, 0), source_of(tmp_path, (name, tarfile.REGTYPE))):
        with pytest.raises(NotPinnedError, match=reason):
            archive.paths(path)


@pytest.mark.parametrize("name", ["y-2/alpha/b.py", "b.py"])
def test_files_of_a_source_archive_are_in_one_folder(tmp_path, name):
    path = source_of(tmp_path, ("x-1/alpha/a.py", tarfile.REGTYPE), (name, tarfile.REGTYPE))
    with pytest.raises(NotPinnedError, match=f"{name} is outside of its folder x-1"):
        archive.paths(path)
