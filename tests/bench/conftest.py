"""Traces of a few lines, a tokenizer that needs no package, and a stand-in for vLLM."""

import json
import lzma

import numpy as np
import pytest

from bench.lib.samples import traces

# What engine processes import instead of vLLM: quick, and as faulty as asked.
STAND_IN = """
import os, sys, types

class SamplingParams:
    def __init__(self, temperature, max_tokens):
        self.temperature, self.max_tokens = temperature, max_tokens

class LLM:
    def __init__(self, **arguments):
        print("arguments", sorted(arguments))
        self.speculation = arguments["speculative_config"]
        self.method = self.speculation["method"] if self.speculation else "none"
        self.steps = 0
        if os.environ.get("FAILS_TO_START") == self.method:
            raise RuntimeError("no kernel for " + self.method)

    def generate(self, prompts, parameters, use_tqdm):
        assert parameters.temperature == 0
        assert len(prompts) <= 2
        if os.environ.get("DIES") == self.method:
            print("about to die", flush=True)
            os._exit(3)
        self.steps += len(prompts)
        return [self._output(prompt, parameters.max_tokens) for prompt in prompts]

    def _output(self, prompt, max_tokens):
        tokens = [ord(letter) for letter in prompt][:max_tokens]
        if os.environ.get("DEPARTS") == self.method:
            tokens[-1] += 1
        answer = types.SimpleNamespace(token_ids=tokens)
        return types.SimpleNamespace(prompt_token_ids=[1], outputs=[answer])

    def get_metrics(self):
        if not self.speculation:
            return []
        names = {"num_drafts": 10, "num_draft_tokens": 30, "num_accepted_tokens": 15}
        counters = [Counter(f"vllm:spec_decode_{n}", v * self.steps) for n, v in names.items()]
        return [*counters, types.SimpleNamespace(name="vllm:other")]

class Counter:
    def __init__(self, name, value):
        self.name, self.value = name, value

reader = types.ModuleType("vllm.v1.metrics.reader")
reader.Counter = Counter
sys.modules["vllm.v1"] = types.ModuleType("vllm.v1")
sys.modules["vllm.v1.metrics"] = types.ModuleType("vllm.v1.metrics")
sys.modules["vllm.v1.metrics.reader"] = reader
"""


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


@pytest.fixture
def stand_in_vllm(tmp_path, monkeypatch):
    """Put the stand-in where processes that the test starts find it first."""
    package = tmp_path / "stand_in" / "vllm"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(str(package.parent))
