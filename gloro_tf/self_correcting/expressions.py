"""Postconditions: which orders of a model's outputs are safe, and how they combine."""


class Expression:
    """A postcondition: a set of strict orders of the outputs. Combine with `&`, `|` and `~`."""

    num_outputs = 0

    def __and__(self, other):
        return And(*_parts(And, self, other))

    def __or__(self, other):
        return Or(*_parts(Or, self, other))

    def __bool__(self):
        raise TypeError(
            "A postcondition has no truth value before the outputs are known. Use `&`, `|`, `~` in "
            "place of `and`, `or`, `not`, and `chain(a, b, c)` in place of `a < b < c`."
        )

    def __invert__(self):
        raise NotImplementedError

    def to_config(self):
        """As plain lists and numbers; `expression_from_config` reads it."""
        raise NotImplementedError


class Above(Expression):
    """Each output of `higher` is above each of `lower`."""

    def __init__(self, num_outputs, higher, lower):
        self.num_outputs, self.higher, self.lower = num_outputs, list(higher), list(lower)
        both = set(self.higher) & set(self.lower)
        if both:
            raise ValueError(
                f"An output cannot be above itself. Received: {sorted(both)} on both sides"
            )

    def __invert__(self):
        pairs = [Above(self.num_outputs, [j], [i]) for i in self.higher for j in self.lower]
        return pairs[0] if len(pairs) == 1 else Or(*pairs)

    def __repr__(self):
        if len(self.higher) == len(self.lower) == 1:
            return f"(y[{self.lower[0]}] < y[{self.higher[0]}])"
        return f"above({self.higher}, {self.lower})"

    def to_config(self):
        return ["above", self.higher, self.lower]


class _Extreme(Expression):
    word = ""

    def __init__(self, num_outputs, members):
        self.num_outputs, self.members = num_outputs, list(members)

    def __invert__(self):
        others = [i for i in range(self.num_outputs) if i not in self.members]
        return type(self)(self.num_outputs, others)

    def __repr__(self):
        return f"{self.word}({', '.join(map(str, self.members))})"

    def to_config(self):
        return [self.word, self.members]


class Top(_Extreme):
    """The largest output is one of `members`; without members it never holds."""

    word = "argmax_in"


class Bottom(_Extreme):
    """The smallest output is one of `members`; without members it never holds."""

    word = "argmin_in"


class _Combined(Expression):
    word, sign = "", ""

    def __init__(self, *parts):
        widths = {part.num_outputs for part in parts}
        if len(widths) != 1:
            raise ValueError(
                f"Postconditions of one model must be combined. Received: {sorted(widths)} outputs"
            )
        self.parts, self.num_outputs = list(parts), widths.pop()

    def __repr__(self):
        return f"({f' {self.sign} '.join(map(repr, self.parts))})"

    def to_config(self):
        return [self.word, [part.to_config() for part in self.parts]]


class And(_Combined):
    """All parts hold."""

    word, sign = "and", "&"

    def __invert__(self):
        return Or(*[~part for part in self.parts])


class Or(_Combined):
    """Some part holds."""

    word, sign = "or", "|"

    def __invert__(self):
        return And(*[~part for part in self.parts])


def _parts(kind, *expressions):
    """The operands of a new `kind`, with nested ones of the same kind flattened."""
    found = []
    for expression in expressions:
        if not isinstance(expression, Expression):
            raise TypeError(
                "A postcondition is combined with another one. Received: "
                f"{type(expression).__name__}. Put comparisons in parentheses."
            )
        found.extend(expression.parts if type(expression) is kind else [expression])
    return found
