"""HTML that is escaped by construction: only what `tag` made goes into a page as it is."""

import html
import json


class Markup(str):
    """Text that is HTML already."""


def escaped(value):
    """The value as HTML text."""
    return value if isinstance(value, Markup) else Markup(html.escape(str(value)))


def join(parts, between=""):
    """The parts, escaped, one after another."""
    return Markup(escaped(between).join(escaped(part) for part in parts))


def tag(name, /, *children, **attributes):
    """One element. `class_` is `class`, other underscores are hyphens; `None` or `False` leaves an
    attribute out, `True` has no value."""
    shown = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escaped(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    closed = "" if name in ("input", "br", "meta") else f"{join(children)}</{name}>"
    return Markup(f"<{name}{shown}>{closed}")


def breakable(name):
    """A long name that may be broken after its dots and underscores."""
    return Markup(escaped(name).replace(".", ".<wbr>").replace("_", "_<wbr>"))


def link(text, address):
    """A link to a page of the web; of any other address only the text remains."""
    if not str(address).startswith(("https://", "http://")):
        return escaped(text)
    return tag("a", text, href=address, rel="noreferrer")


def table(head, rows, **attributes):
    """A table whose first column names its rows."""
    columns = tag("tr", *(tag("th", cell, scope="col") for cell in head))
    lines = [
        tag("tr", tag("th", first, scope="row"), *(tag("td", cell) for cell in rest))
        for first, *rest in rows
    ]
    return tag("table", tag("thead", columns), tag("tbody", *lines), **attributes)


def script_data(value, identifier):
    """JSON inside a page, in which no text can end the script element."""
    text = json.dumps(value, separators=(",", ":"))
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return tag("script", Markup(text), type="application/json", id=identifier)
