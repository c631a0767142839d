"""Step-by-step solutions, one function a task, written from the facts of a problem.

Every function returns the text that follows the prompt. Each line restates what the next one
needs (a running total, the numbers that are left), as people and reasoning models do.
"""

from collections.abc import Mapping, Sequence


def running_sum(expression: str) -> str:
    """Add and subtract the terms of ``"57 + 870 - 3"`` one by one, each by its decimal places."""
    first, *rest = expression.split()
    total = int(first)
    lines = [f"We start with {total}."]
    for sign, term in zip(rest[::2], rest[1::2], strict=True):
        parts, new_total = _by_places(total, sign, int(term))
        verb = "Add" if sign == "+" else "Take away"
        lines.append(f"{verb} {term}: {parts}. Now {total} {sign} {term} = {new_total}.")
        total = new_total
    return _finished(lines, str(total))


def _by_places(total: int, sign: str, term: int) -> tuple[str, int]:
    """Describe ``total sign term`` one decimal place at a time, and say where it ends."""
    digits = str(term)
    places = [int(digit) * 10 ** (len(digits) - i - 1) for i, digit in enumerate(digits)]
    steps = []
    for place in [place for place in places if place] or [0]:
        new_total = total + place if sign == "+" else total - place
        steps.append(f"{total} {sign} {place} = {new_total}")
        total = new_total
    return ", ".join(steps), total


def selection_sort(numbers: Sequence[int], direction: str) -> str:
    """Sort by taking the smallest (``"ascending"``) or largest number out again and again."""
    pick, word = (min, "smallest") if direction == "ascending" else (max, "largest")
    left = list(numbers)
    taken: list[int] = []
    lines = []
    while len(left) > 1:
        number = pick(left)
        lines.append(f"Of {_listed(left)} the {word} is {number}.")
        left.remove(number)
        taken.append(number)
    lines.append(f"Only {left[0]} is left.")
    return _finished(lines, _listed(taken + left))


def letter_tally(words: Sequence[str], letter: str) -> str:
    """Spell the words one by one and count ``letter`` in either case."""
    total = 0
    lines = []
    for word in words:
        found = word.lower().count(letter)
        total += found
        if found:
            outcome = f"has {found} {letter}, so the count is now {total}"
        else:
            outcome = f"has no {letter}, so the count stays {total}"
        lines.append(f"{word} is {' '.join(word)} and {outcome}.")
    return _finished(lines, str(total))


def leg_count(animals: Mapping[str, int], legs: Mapping[str, int]) -> str:
    """Count the legs of ``animals`` (how many of each) where one has ``legs``."""
    total = 0
    lines = []
    for animal, count in animals.items():
        added = count * legs[animal]
        if added:
            outcome = f"{count} x {legs[animal]} = {added} and {total} + {added} = {total + added}"
        else:
            outcome = f"nothing to add and the total is still {total}"
        lines.append(f"One {animal} has {legs[animal]} legs, {count} of them: {outcome}.")
        total += added
    return _finished(lines, str(total))


def filtering(numbers: Sequence[int], operation: str, limit: int) -> str:
    """Go through ``numbers`` and keep or remove them as ``operation`` says, as ``keep_larger``.

    A number equal to ``limit`` is neither larger nor smaller.
    """
    action, side = operation.split("_")
    kept: list[int] = []
    lines = []
    for number in numbers:
        matches = number > limit if side == "larger" else number < limit
        relation = side if matches else f"not {side}"
        if matches == (action == "keep"):
            kept.append(number)
            outcome = f"it stays: {_listed(kept)}"
        else:
            outcome = "it goes"
        lines.append(f"{number} is {relation} than {limit}, so {outcome}.")
    return _finished(lines, _listed(kept) or "none")


def _listed(items: Sequence[object]) -> str:
    return ", ".join(map(str, items))


def _finished(lines: Sequence[str], answer: str) -> str:
    return "\n".join([*lines, f"The answer is {answer}."])
