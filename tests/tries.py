"""How many examples a property is tried on: numbers in tests say how they stand to one another, the profile says how many in all.

Every run of the suite tries half, the same ones each time; `make faults` ten times as many, and new ones (`--hypothesis-profile=thorough`).
"""

from hypothesis import settings

__all__ = ["tries"]

_USUAL = 50
"""What stands for a test without a number of its own."""
_FEWEST = 10


def tries(usual: int) -> int:
    """So many of `usual`, as the profile has it. Called while a test module is read, when the profile is known."""
    return max(min(usual, _FEWEST), usual * settings().max_examples // _USUAL)
