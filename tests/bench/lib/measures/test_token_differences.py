"""The logit gap, on a model made for the test."""

import pytest

from bench.lib.engines.process import Generation
from bench.lib.measures.token_differences import Difference, logit_gaps

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")


def test_logit_gaps(tmp_path):
    configuration = transformers.Qwen3Config(
        vocab_size=11,
        hidden_size=8,
        intermediate_size=8,
        num_hidden_layers=1,
        num_attention_heads=1,
        num_key_value_heads=1,
        head_dim=8,
    )
    model = transformers.Qwen3ForCausalLM(configuration).eval()
    model.save_pretrained(tmp_path)
    reference = Generation(1.0, [[1, 2]], [[3, 4, 5]], 0, 0, 0)
    differences = [Difference(0, 1, 4, 7), Difference(0, 2, 5, None)]
    gap, unknown = logit_gaps(str(tmp_path), reference, differences)
    logits = model(torch.tensor([[1, 2, 3]])).logits[0, -1]
    assert gap == pytest.approx(float(logits[4] - logits[7]), abs=1e-6)
    assert unknown is None


def test_without_differences_no_model_is_loaded():
    assert logit_gaps("/nowhere", Generation(1.0, [], [], 0, 0, 0), []) == []
