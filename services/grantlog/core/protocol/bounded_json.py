"""What a JSON text of somebody else may cost: told before anything is built of it, and after."""


def depth(text: str) -> int:
    """How deep brackets nest. Those inside strings count as well, which no honest text gets near a limit by."""
    now = deepest = 0
    for sign in text:
        if sign in "{[":
            now += 1
            deepest = max(deepest, now)
        elif sign in "}]":
            now -= 1
    return deepest


def size(value: object) -> int:
    """How many members of objects and entries of arrays there are, at every depth."""
    if isinstance(value, dict):
        return len(value) + sum(size(each) for each in value.values())
    if isinstance(value, list):
        return len(value) + sum(size(each) for each in value)
    return 0
