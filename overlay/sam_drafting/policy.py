"""How far to draft: while the next draft token is likely enough to be accepted."""

from __future__ import annotations

# A decoding step of n tokens takes a + b * n: a to read the weights, b to compute a token. One more
# token adds b to a step whose tokens cost (a + b * n) / n each; it pays if it is accepted more
# often than the ratio, n / (n + a / b). For dense models in 16 bits a / b is the operations that an
# accelerator does while it reads a byte, which is 200 to 300 on current ones.
BREAK_EVEN_TOKENS = 256


def lowest_acceptance(min_acceptance: float, batch_size: int) -> float:
    """Return the acceptance below which a draft token costs a batch more than it brings.

    >>> lowest_acceptance(0.1, batch_size=1), lowest_acceptance(0.1, batch_size=256)
    (0.1, 0.5)
    """
    return max(min_acceptance, batch_size / (batch_size + BREAK_EVEN_TOKENS))
