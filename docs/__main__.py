"""The commands of `python -m docs`."""

import argparse
import os
import pathlib
import subprocess
import sys

import docs
from docs import _examples

ROOT = pathlib.Path(__file__).resolve().parent.parent
BUILD = ROOT / "build"


def parser():
    parent = argparse.ArgumentParser(
        prog="python -m docs",
        description=docs.__doc__,
        formatter_class=argparse.RawTextHelpFormatter,
    )
    commands = parent.add_subparsers(dest="command")
    run = commands.add_parser("run")
    run.add_argument("name", nargs="*")
    build = commands.add_parser("build")
    build.add_argument("--site", default=str(BUILD / "site"))
    notebooks = commands.add_parser("notebooks")
    notebooks.add_argument("name", nargs="*")
    notebooks.add_argument("--output", default=str(BUILD / "notebooks"))
    notebooks.add_argument("--execute", action="store_true")
    return parent


def main(arguments=None):
    args = parser().parse_args(arguments)
    try:
        if args.command == "run":
            _examples.run(args.name)
        elif args.command == "build":
            build(args.site)
        elif args.command == "notebooks":
            from docs import _notebooks

            print("\n".join(map(str, _notebooks.write(args.name, args.output, args.execute))))
        else:
            _examples.run()
            build(BUILD / "site")
    except KeyboardInterrupt:
        print("\ndocs: interrupted; what was finished is kept.", file=sys.stderr)
        return 130
    except (ValueError, OSError, RuntimeError, ImportError, subprocess.CalledProcessError) as error:
        print(f"docs: {error}", file=sys.stderr)
        return 1
    return 0


def build(site):
    """Builds the site; a warning is an error."""
    try:
        import mkdocs  # noqa: F401
    except ImportError as error:
        raise ImportError('The site needs mkdocs: `pip install -e ".[docs]"`.') from error
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", f"--site-dir={site}"]
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "3", "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run(command, cwd=ROOT, env={**os.environ, **quiet}, check=True)
    print(f"{site}/index.html")


if __name__ == "__main__":
    sys.exit(main())
