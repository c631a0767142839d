"""The package index: the releases of a distribution, and the files of each."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib import request
from urllib.error import URLError
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from packaging.utils import parse_sdist_filename, parse_wheel_filename
from packaging.version import Version

from specroll.errors import NotPinnedError
from specroll.stack import treepath
from specroll.stack.archive import is_source
from specroll.stack.registry import Artefact
from specroll.stack.sets import normalised

PYPI = "https://pypi.org/simple"
# PEP 691. The older form, HTML, is for installers; those of today read both.
JSON_FORM = "application/vnd.pypi.simple.v1+json"
TIMEOUT_S = 60
BLOCK = 1 << 20
REMEDY = "name another index with PIP_INDEX_URL, or a folder with the pinned files with --artefacts"


@dataclass(frozen=True)
class IndexFile:
    """A file that an index offers.

    >>> file = IndexFile("alpha-1.0-py3-none-any.whl", "https://index.invalid/a.whl", "0" * 64)
    >>> file.is_source, file.serves("manylinux_*_x86_64")
    (False, True)
    """

    name: str
    url: str
    sha256: str
    size: int | None = None
    # Taken back by who published it; an installer takes it only where it is asked for by version.
    yanked: bool = False

    @classmethod
    def parse(cls, entry: Mapping[str, Any], page: str) -> IndexFile:
        """Read an entry of a page, whose address completes that of the file."""
        url, digest = urljoin(page, entry["url"]), entry["hashes"]["sha256"].lower()
        yanked = bool(entry.get("yanked"))
        size = entry.get("size")
        return cls(entry["filename"], url, digest, size if isinstance(size, int) else None, yanked)

    @property
    def artefact(self) -> Artefact:
        """The file as a registry pins it."""
        return Artefact(self.name, self.sha256)

    @property
    def version(self) -> Version | None:
        """The version in its name, None where it is neither a wheel nor a source archive.

        >>> IndexFile("alpha-1.0.post1.tar.gz", "", "").version
        <Version('1.0.post1')>
        """
        try:
            parse = parse_sdist_filename if self.is_source else parse_wheel_filename
            return parse(self.name)[1]
        except ValueError:
            return None

    @property
    def is_source(self) -> bool:
        """Whether it is a source archive."""
        return is_source(self.name)

    def serves(self, platform: str) -> bool:
        """Say whether a wheel's platform matches a pattern, or is any."""
        tags = self.name.removesuffix(".whl").rpartition("-")[2].split(".")
        return any(tag == "any" or fnmatchcase(tag, platform) for tag in tags)


@dataclass(frozen=True)
class Release:
    """A release of a distribution, with the wheels and source archives that were not taken back.

    >>> names = ("alpha-1.0rc1-py3-none-win32.whl", "alpha-1.0rc1.tar.gz")
    >>> release = Release(Version("1.0rc1"), tuple(IndexFile(name, "", "") for name in names))
    >>> release.is_prerelease, release.wheels("manylinux_*_x86_64")
    (True, ())
    >>> release.source_archive.name
    'alpha-1.0rc1.tar.gz'
    """

    version: Version
    files: tuple[IndexFile, ...]

    @property
    def is_prerelease(self) -> bool:
        """Whether it is a candidate, an alpha, a beta, or of a developer."""
        return self.version.is_prerelease

    @property
    def source_archive(self) -> IndexFile | None:
        """Its source archive, None where it has none."""
        return next((file for file in self.files if file.is_source), None)

    def wheels(self, platform: str) -> tuple[IndexFile, ...]:
        """Return its wheels for a platform, by their names.

        Args:
            platform: A tag, or a pattern of a shell such as `manylinux_*_x86_64`.
        """
        return tuple(file for file in self.files if not file.is_source and file.serves(platform))


@dataclass(frozen=True)
class Index:
    """An index that has the JSON form of PEP 691.

    >>> index = Index.at("https://somebody:secret@index.invalid/simple/")
    >>> index
    Index(url='https://index.invalid/simple')
    """

    url: str
    credentials: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def at(cls, url: str) -> Index:
        """Return the index at an address, which may name a user and a password.

        Raises:
            NotPinnedError: it is no address.
        """
        with _reached(url):
            parts = urlsplit(url.rstrip("/"))
        user, has_user, host = parts.netloc.rpartition("@")
        name, _, password = user.partition(":")
        plain = urlunsplit(parts._replace(netloc=host))
        return cls(plain, (unquote(name), unquote(password)) if has_user else None)

    @classmethod
    def configured(cls) -> Index:
        """Return the index that pip is configured with, which is PyPI where nothing is said.

        Raises:
            NotPinnedError: pip is configured with what is no address.
        """
        return cls.at(os.environ.get("PIP_INDEX_URL") or _of_pip() or PYPI)

    def releases(self, distribution: str) -> list[Release]:
        """Return the releases of a distribution, the oldest first.

        Raises:
            NotPinnedError: the index cannot be read, or has no such distribution.
        """
        found: dict[Version, list[IndexFile]] = {}
        for file in self._files(distribution):
            if file.version and not file.yanked:
                found.setdefault(file.version, []).append(file)
        return [Release(version, tuple(found[version])) for version in sorted(found)]

    def file(self, distribution: str, artefact: Artefact) -> IndexFile:
        """Return a pinned file of a distribution, also where it was taken back.

        Raises:
            NotPinnedError: the index cannot be read, or has no file of this name and content.
        """
        for file in self._files(distribution):
            if file.artefact == artefact:
                return file
        raise NotPinnedError(
            f"{self.url} has no {artefact.name} with the pinned sha256; correct stack.toml, or"
            f" {REMEDY}"
        )

    def blocks(self, file: IndexFile) -> Iterator[bytes]:
        """Yield the content of a file, which nobody has verified yet.

        Raises:
            NotPinnedError: the file cannot be read.
        """
        with _reached(file.url), self._open(file.url, "*/*") as answer:
            while block := answer.read(BLOCK):
                yield block

    def _files(self, distribution: str) -> list[IndexFile]:
        """Return the files with a plain name and a hash, by their names."""
        url = f"{self.url}/{normalised(distribution)}/"
        page, content = self._page(url)
        try:
            files = [
                IndexFile.parse(entry, page)
                for entry in json.loads(content)["files"]
                if "sha256" in entry["hashes"]
            ]
            plain = (file for file in files if _is_plain(file.name))
            return sorted(plain, key=lambda file: file.name)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
            raise NotPinnedError(f"{url} is no page as PEP 691 has it; {REMEDY}") from error

    def _page(self, url: str) -> tuple[str, bytes]:
        """Return where a page was found in the end, and its content."""
        with _reached(url), self._open(url, f"{JSON_FORM}, */*;q=0.1") as answer:
            if answer.headers.get_content_type() == JSON_FORM:
                return answer.url, answer.read()
        raise NotPinnedError(f"{url} has only the older form, not JSON (PEP 691); {REMEDY}")

    def _open(self, url: str, form: str) -> HTTPResponse:
        passwords = request.HTTPPasswordMgrWithPriorAuth()
        if self.credentials:
            place = urlunsplit(urlsplit(self.url)._replace(path="/"))
            passwords.add_password(None, place, *self.credentials, is_authenticated=True)
        opener = request.build_opener(request.HTTPBasicAuthHandler(passwords))
        answer: HTTPResponse = opener.open(
            request.Request(url, headers={"Accept": form}), timeout=TIMEOUT_S
        )
        return answer


@contextmanager
def _reached(url: str) -> Iterator[None]:
    """Say what is wrong where an address cannot be read."""
    try:
        yield
    except (OSError, HTTPException, ValueError) as error:
        # HTTPError, which is one too, says more itself.
        reason = error.reason if type(error) is URLError else error
        raise NotPinnedError(f"{url} cannot be read ({reason}); {REMEDY}") from error


def _of_pip() -> str:
    """Return the index of pip's configuration files; nothing where they or pip are not there."""
    if not importlib.util.find_spec("pip"):
        return ""
    command = [sys.executable, "-m", "pip", "config", "get", "global.index-url"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if answer.returncode else answer.stdout.strip()


def _is_plain(name: str) -> bool:
    return not treepath.problem(name) and "/" not in name
