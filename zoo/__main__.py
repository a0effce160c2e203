"""The zoo from a terminal.

python -m zoo list [PATTERN] [--dataset=mnist] [--kind=classifier|self_correcting]
python -m zoo card NAME [--json]
python -m zoo leaderboard DATASET [--epsilon=0.3] [--format=text|markdown|csv]
python -m zoo fetch NAME [--mirror=URL ...] [--cache_dir=DIR] [--offline]
python -m zoo verify NAME...
python -m zoo evaluate NAME [--data_dir=DIR] [--download] [--limit=N] [--write]
python -m zoo audit NAME [--data_dir=DIR] [--limit=1000] [--write]
python -m zoo page [--output=zoo.html]    (all of it as one self-contained page)
python -m zoo picture [--output=docs/zoo.png]
python -m zoo readme                      (writes the leaderboards into the README)
python -m zoo publish RUN NAME --recipe=FILE --summary=... --title=... --url=... --hardware=...
python -m zoo publish_corrected RECIPE    (of zoo/corrections)
python -m zoo publish_vote NAME MEMBER... --epsilon=0.3 --summary=... --title=... --url=... ...
"""

import argparse
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import zoo  # noqa: E402
from gloro_tf.audit import UnsoundCertificate  # noqa: E402


def parser():
    parent = argparse.ArgumentParser(
        prog="python -m zoo", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    commands = parent.add_subparsers(dest="command", required=True)

    def add(name, *positional, **flags):
        command = commands.add_parser(name)
        for argument in positional:
            command.add_argument(argument)
        for flag, options in flags.items():
            command.add_argument(f"--{flag}", **options)
        return command

    yes = {"action": "store_true"}
    source = {
        "mirror": {"action": "append", "help": "URL or folder; may be repeated"},
        "cache_dir": {},
        "offline": yes,
    }
    add("list", dataset={}, kind={}).add_argument("pattern", nargs="?", default="*")
    add("card", "name", json=yes)
    add("leaderboard", "dataset", epsilon={"type": float}, format={"default": "text"})
    add("fetch", "name", **source)
    add("verify", **source).add_argument("name", nargs="+")
    add(
        "evaluate",
        "name",
        data_dir={},
        download=yes,
        dataset={},
        limit={"type": int},
        write={**yes, "help": "into the card"},
        **source,
    )
    add(
        "audit",
        "name",
        data_dir={},
        download=yes,
        limit={"type": int, "default": 1000},
        write={**yes, "help": "into the card"},
        **source,
    )
    add("page", output={"default": "zoo.html"})
    add("picture", output={"default": "docs/zoo.png"})
    add("readme")
    flags = ("recipe", "summary", "title", "url", "hardware", "authors")
    publish = add("publish", "run", "name", **{f: {"required": f != "authors"} for f in flags})
    publish.set_defaults(authors="the gloro_tf authors")
    publish.add_argument("--mantissa_bits", type=int, default=23)
    add("publish_corrected", "recipe")
    vote = add("publish_vote", "name", **{f: {"required": f != "authors"} for f in flags[1:]})
    vote.set_defaults(authors="the gloro_tf authors")
    vote.add_argument("member", nargs="+")
    vote.add_argument("--epsilon", type=float, required=True)
    return parent


def main(arguments=None):
    args = parser().parse_args(arguments)
    try:
        print(COMMANDS[args.command](args))
    except KeyboardInterrupt:
        print("\nzoo: interrupted; nothing half-done was kept.", file=sys.stderr)
        return 130
    except (ValueError, OSError, ImportError, UnsoundCertificate) as error:
        print(f"zoo: {error}", file=sys.stderr)
        return 1
    return 0


def _source(args):
    return {
        "mirrors": args.mirror,
        "cache_dir": args.cache_dir,
        "offline": args.offline or None,
    }


def _list(args):
    found = zoo.list(args.pattern, dataset=args.dataset, kind=args.kind)
    if not found and (args.pattern, args.dataset) != ("*", None):
        raise ValueError(
            f"No model is named like that. Received: {args.pattern!r}, dataset={args.dataset!r}, "
            f"kind={args.kind!r}. `*` and `?` stand for letters, as in '*mnist'; without arguments, "
            "all are listed."
        )
    return "\n".join(found)


def _card(args):
    card = zoo.card(args.name)
    return card.to_json() if args.json else card.to_markdown()


def _verify(args):
    return "\n".join(json.dumps(zoo.verify(name, verbose=0, **_source(args))) for name in args.name)


def _evaluate(args):
    from zoo._publishing import record

    chosen = {k: getattr(args, k) for k in ("data_dir", "download", "dataset", "limit")}
    if args.write:
        return record(args.name, **chosen, **_source(args)).to_markdown()
    return json.dumps(zoo.evaluate(args.name, **chosen, **_source(args)), indent=1)


def _audit(args):
    from zoo._auditing import record_audit

    chosen = {k: getattr(args, k) for k in ("data_dir", "download", "limit")}
    if args.write:
        return record_audit(args.name, **chosen, **_source(args)).to_markdown()
    return json.dumps(zoo.audit(args.name, **chosen, **_source(args)), indent=1)


def _page(args):
    from zoo._page import write

    return str(write(args.output))


def _picture(args):
    from zoo._picture import picture

    picture(args.output)
    return args.output


def _readme(args):
    from zoo._readme import refresh

    return str(refresh())


def _publish(args):
    from zoo._publishing import publish

    card = publish(
        args.run,
        args.name,
        recipe=args.recipe,
        summary=args.summary,
        paper={"title": args.title, "url": args.url},
        hardware=args.hardware,
        authors=args.authors,
        mantissa_bits=args.mantissa_bits,
    )
    return card.to_markdown()


def _publish_vote(args):
    from zoo._publishing import publish_vote

    card = publish_vote(
        args.name,
        args.member,
        epsilon=args.epsilon,
        summary=args.summary,
        paper={"title": args.title, "url": args.url},
        hardware=args.hardware,
        authors=args.authors,
    )
    return card.to_markdown()


def _publish_corrected(args):
    from zoo._corrected import publish_corrected

    return publish_corrected(args.recipe).to_markdown()


COMMANDS = {
    "list": _list,
    "card": _card,
    "leaderboard": lambda args: zoo.leaderboard(args.dataset, args.epsilon, args.format),
    "fetch": lambda args: "\n".join(map(str, zoo.fetch(args.name, **_source(args)))),
    "verify": _verify,
    "evaluate": _evaluate,
    "audit": _audit,
    "page": _page,
    "picture": _picture,
    "readme": _readme,
    "publish": _publish,
    "publish_corrected": _publish_corrected,
    "publish_vote": _publish_vote,
}

if __name__ == "__main__":
    sys.exit(main())
