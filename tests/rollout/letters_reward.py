"""Reward of the tests' task: the share of small letters in an answer."""


def compute_score(data_source, solution_str, ground_truth, **extra):
    return sum(letter.islower() for letter in solution_str) / max(len(solution_str), 1)
