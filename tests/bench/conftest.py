"""Traces of a few lines, and a tokenizer that needs no package."""

import json
import lzma

import numpy as np
import pytest

from bench import traces


@pytest.fixture
def letters(monkeypatch):
    """Make every letter a token."""

    def encode(text):
        return np.array([ord(letter) for letter in text], np.int32)

    monkeypatch.setattr(traces, "tokenizer", lambda: encode)
    return encode


@pytest.fixture
def write_trace(tmp_path):
    """Return a function that writes the rows of a trace into a folder, and returns the folder."""

    def write(name, rows):
        with lzma.open(tmp_path / name, "wt") as file:
            file.writelines(json.dumps(row) + "\n" for row in rows)
        return tmp_path

    return write
