"""The SPD scorer: which mismatching draft tokens may be accepted, learnt with GRPO on verl.

Its faces are `spd_scorer` (the model) and `train_spd_scorer` (prepare, train, eval).
"""
