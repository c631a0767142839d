"""The reward of the tests' jobs."""


def share_of_small_letters(data_source, solution_str, ground_truth, **_):
    return sum(map(str.islower, solution_str)) / max(1, len(solution_str))
