"""A stand-in for vLLM that engine processes import instead: quick, and as faulty as asked."""

import pytest

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
def stand_in_vllm(tmp_path, monkeypatch):
    """Put the stand-in where processes that the test starts find it first."""
    package = tmp_path / "stand_in" / "vllm"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text(STAND_IN)
    monkeypatch.syspath_prepend(str(package.parent))
