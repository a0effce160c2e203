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
            raise _unreadable(text, position, match.start())
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
        raise _unreadable(text, position, len(text))
    if any(not isinstance(command, list) or not command for command in stack[0]):
        raise ValueError("A file must consist of commands in brackets.")
    return stack[0]


def _unreadable(text, start, end):
    line = text.count("\n", 0, start) + 1
    return ValueError(
        "A file must consist of names and numbers in round brackets. Received: "
        f"{text[start:end].strip()[:40]!r} in or after line {line}"
    )


def lines_of(tree):
    """The text of nested lists."""
    return tree if isinstance(tree, str) else f"({' '.join(map(lines_of, tree))})"
