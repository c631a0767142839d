"""What a request brings along stays its own where vLLM's input batch is reordered."""

from vllm import SamplingParams


def test_allowed_tokens_go_with_their_request(make_batch):
    batch = make_batch([([1, 2], SamplingParams(allowed_token_ids=[token])) for token in (3, 5)])
    batch.swap_states(0, 1)
    assert batch.req_ids == ["request-1", "request-0"]
    is_allowed = ~batch.allowed_token_ids_mask_cpu_tensor[:2]
    assert is_allowed.nonzero().tolist() == [[0, 5], [1, 3]]
