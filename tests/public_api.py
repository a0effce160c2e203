"""What a user can reach from `__all__`: functions, constructors, methods and properties."""

import inspect

import gloro_tf
import zoo

CALLS = ("__init__", "__call__")


def is_ours(thing):
    return (getattr(thing, "__module__", None) or "").split(".")[0] in ("gloro_tf", "zoo")


def _public_names(module):
    own = (n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__)
    return getattr(module, "__all__", None) or [name for name in own if name[0] != "_"]


def public_objects(module):
    """`{dotted name: class or function}` of a module and of the modules in it."""
    found = {}
    for name in _public_names(module):
        thing = getattr(module, name)
        if inspect.ismodule(thing):
            found |= public_objects(thing)
        elif callable(thing) and is_ours(thing):
            found[f"{module.__name__}.{name}"] = thing
    return found


def _bare(member):
    if isinstance(member, property):
        return member.fget
    return inspect.unwrap(getattr(member, "__func__", member))


def members(cls):
    """`{name: function}` of what a class and its bases in these packages define in the open.

    Not what a dataclass or a named tuple writes by itself.
    """
    found = {}
    for base in cls.__mro__:
        for name, member in vars(base).items() if is_ours(base) else ():
            function = _bare(member)
            if inspect.isfunction(function) and (name in CALLS or name[0] != "_"):
                if function.__code__.co_filename == inspect.getsourcefile(base):
                    found.setdefault(name, (base, member))
    return found


def public_callables():
    """`{name: (function, class that defines it or None, member)}`, each once."""
    found = {}
    for name, thing in (public_objects(gloro_tf) | public_objects(zoo)).items():
        if not inspect.isclass(thing):
            found[name] = inspect.unwrap(thing), None, thing
            continue
        for own, (base, member) in members(thing).items():
            found[f"{base.__module__}.{base.__qualname__}.{own}"] = _bare(member), base, member
    return found
