"""S-expressions: the brackets of VNN-LIB."""

import re

_TOKEN = re.compile(r"\s*(?:;[^\n]*|(?P<token>[()]|[^\s();\[\]]+(?:\s*\[[^\]]*\])?|\[[^\]]*\]))")

DEEPEST = 100


def parse(text):
    """Nested lists of strings, one for each command.

    Raises:
        ValueError: for brackets that do not match.
    """
    stack, position = [[]], 0
    for match in _TOKEN.finditer(text):
        if text[position : match.start()].strip():
            raise ValueError(f"Unreadable text: {text[position : match.start()].strip()[:40]!r}")
        position = match.end()
        token = match["token"]
        if token == "(":
            if len(stack) > DEEPEST:
                raise ValueError(f"Brackets must be nested at most {DEEPEST} deep.")
            stack.append([])
        elif token == ")":
            if len(stack) == 1:
                raise ValueError("A ')' has no '('. Close each bracket once.")
            done = stack.pop()
            stack[-1].append(done)
        elif token:
            stack[-1].append(token)
    if len(stack) > 1:
        raise ValueError(f"{len(stack) - 1} brackets '(' are not closed.")
    if text[position:].strip():
        raise ValueError(f"Unreadable text: {text[position:].strip()[:40]!r}")
    if any(not isinstance(command, list) or not command for command in stack[0]):
        raise ValueError("A file must consist of commands in brackets.")
    return stack[0]


def lines_of(tree):
    """The text of nested lists."""
    return tree if isinstance(tree, str) else f"({' '.join(map(lines_of, tree))})"
