"""What MkDocs is told while it builds: the pages that are made from programs and cards."""

import pathlib
import sys

from mkdocs.structure.files import File

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from docs import _cells, _examples, _pages, _reference  # noqa: E402


def on_config(config):
    """Adds the generated pages to the navigation."""
    examples = [f"examples/{name}.md" for name in _cells.names()]
    config.nav.append({"Examples": ["examples/index.md", *examples]})
    config.nav.append({"Reference": [f"reference/{name}.md" for name in _reference.pages()]})
    return config


def on_files(files, config):
    """Adds the files that are not written by hand."""
    for uri, content in {**_pages.made(), **_pages.copied()}.items():
        files.append(File.generated(config, uri, content=content))
    for name in _cells.names():
        example = _cells.read(name)
        for path in _examples.figures(example):
            uri = f"examples/{name}/{path.name}"
            files.append(File.generated(config, uri, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Fills in leaderboards and recipes."""
    return _pages.filled(markdown)
