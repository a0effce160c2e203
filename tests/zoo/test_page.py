"""The leaderboard as a page: read as text, and in headless Chromium where it is installed."""

import dataclasses
import html.parser
import json
import re

import chromium
import pytest

import zoo
from zoo import _board, _page, _registry
from zoo.__main__ import main

EVIL = '"><script>alert(1)</script><img src=x onerror=alert(2)>'


class Elements(html.parser.HTMLParser):
    """The elements of a page, with their attributes; a page that is not well nested fails."""

    VOID = {"meta", "link", "input", "br", "wbr"}

    def __init__(self, text):
        super().__init__()
        self.found, self.open = [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, name, attributes):
        self.found.append((name, dict(attributes)))
        if name not in self.VOID:
            self.open.append(name)

    def handle_startendtag(self, name, attributes):
        self.found.append((name, dict(attributes)))

    def handle_endtag(self, name):
        assert self.open.pop() == name


@pytest.fixture(scope="module")
def page_text():
    return _page.page()


def test_the_page_is_well_formed_and_refers_to_nothing_outside(page_text):
    found = Elements(page_text).found
    identifiers = [attributes["id"] for _, attributes in found if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    for name, attributes in found:
        assert "src" not in attributes and "style" not in attributes
        if name == "link":
            assert attributes["href"] == "data:,"
        elif "href" in attributes and name == "a" and attributes["href"].startswith("#"):
            assert attributes["href"][1:] in identifiers
        assert not any(key.startswith("on") for key in attributes)
    assert "url(" not in page_text and "@import" not in page_text and "fetch(" not in page_text
    assert len(page_text) < 2**18


def test_every_entry_has_a_row_a_curve_and_a_card(page_text):
    found = Elements(page_text).found
    for name in zoo.list():
        assert f'id="card-{zoo.card(name).full_name}"' in page_text
    for card in _board.measured():
        places = [n for n, a in found if a.get("data-model") == card.full_name]
        assert {"tr", "g", "input", "output"} <= set(places)
        assert ("details", {"id": f"card-{card.full_name}", "data-dataset": card.dataset}) in found
        assert f"{card.result()['clean_accuracy']:.2%}" in page_text
        assert all(weight["sha256"] in page_text for weight in card.weights)


def test_the_data_are_those_of_the_leaderboard(page_text):
    text = re.search(r'<script type="application/json" id="data">(.*?)</script>', page_text)[1]
    data = json.loads(text)
    for dataset, radius in data["ranked"].items():
        for row in _board.leaderboard(dataset, radius, "rows"):
            points = data["models"][row["model"]]
            assert points == sorted(points) and all(b <= e for _, b, e in points)
            at = [b for r, b, _ in points if r == pytest.approx(radius, rel=1e-3)]
            assert at[0] == row["VRA"]


@pytest.mark.parametrize("card", _board.measured(), ids=lambda card: card.name)
def test_curves_agree_with_the_measured_radii(card):
    """A curve falls, stays below its estimate, and brackets every VRA that was measured apart."""
    curve = card.result()["curve"]
    radii, bounds = curve["epsilon"], curve["vra_bound"]
    assert len(radii) == 41 and radii[0] == 0 and radii == sorted(set(radii))
    assert bounds == sorted(bounds, reverse=True) and bounds[0] <= card.result()["clean_accuracy"]
    assert all(b <= e for b, e in zip(bounds, curve["vra_estimate"], strict=True))
    for row in card.result()["vra"]:
        before = [b for r, b in zip(radii, bounds, strict=True) if r <= row["epsilon"]]
        after = [b for r, b in zip(radii, bounds, strict=True) if r >= row["epsilon"]]
        assert max(after, default=0) <= row["vra_bound"] <= min(before)


@pytest.fixture
def evil_zoo(tmp_path, monkeypatch):
    """The cards of the zoo, one of them with markup wherever it may say something."""
    for path in _registry.CARDS.glob("*.json"):
        (tmp_path / path.name).write_text(path.read_text())
    card = zoo.card("convnet_2c2f.mnist")
    changed = dataclasses.replace(
        card,
        summary=EVIL,
        authors=EVIL,
        licence=EVIL,
        limits=EVIL,
        unreliable=EVIL,
        paper={"title": EVIL, "url": "javascript:alert(3)//" + EVIL},
        recipe={**card.recipe, "dataset": EVIL, "extra_data": EVIL, "hardware": EVIL, "file": EVIL},
        weights=[{**card.weights[0], "sha256": EVIL}],
        results=[{**card.result(), "dataset": EVIL, "split": EVIL}],
        audit={**card.audit, "attack": EVIL},
    )
    (tmp_path / f"{card.full_name}.json").write_text(changed.to_json())
    monkeypatch.setattr(_registry, "CARDS", tmp_path)
    _registry.forget()
    yield
    _registry.forget()


def test_cards_cannot_put_markup_into_the_page(evil_zoo, page_text):
    text = _page.page()
    assert EVIL not in text and "&lt;script&gt;" in text
    before = [n for n, _ in Elements(page_text).found if n in ("script", "img", "style")]
    after = [n for n, _ in Elements(text).found if n in ("script", "img", "style")]
    assert before == after
    links = [a["href"] for n, a in Elements(text).found if n == "a" and "href" in a]
    assert not any("javascript" in address for address in links)


def test_terminal(tmp_path, capsys):
    target = tmp_path / "new" / "page.html"
    assert main(["page", f"--output={target}"]) == 0
    assert str(target) in capsys.readouterr().out and target.read_text().startswith("<!doctype")


def test_picture_of_the_zoo(tmp_path):
    pytest.importorskip("matplotlib")
    assert main(["picture", f"--output={tmp_path / 'zoo.png'}"]) == 0
    content = (tmp_path / "zoo.png").read_bytes()
    assert content.startswith(b"\x89PNG") and len(content) < 120_000


needs_chromium = pytest.mark.skipif(
    not chromium.executable(), reason="needs Chromium: `apt-get install chromium`"
)
NAMES = "[...document.querySelectorAll('#board tbody tr:not([hidden])')].map(r => r.dataset.model)"
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
READING = "document.querySelector('figure[data-dataset=mnist] li output').textContent"


@pytest.fixture(scope="module")
def browser():
    with chromium.browser() as page:
        yield page


@pytest.fixture
def opened(browser, page_text, tmp_path):
    """Opens the page at a width; nothing may go wrong until the end of the test."""
    path = tmp_path / "zoo.html"
    path.write_text(page_text, encoding="utf-8")
    browser.errors.clear(), browser.requests.clear()

    def open(width, **options):
        return browser.open(path.as_uri(), width, **options)

    yield open
    assert browser.errors == []
    assert set(browser.requests) == {path.as_uri()}


@needs_chromium
@pytest.mark.parametrize("width", [320, 390, 768, 1440])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_overflows(opened, width, dark):
    page = opened(width, dark=dark)
    page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = true })")
    assert page.evaluate(OVERFLOW) <= 0
    color = page.evaluate("getComputedStyle(document.body).backgroundColor")
    brightness = sum(map(int, re.findall(r"\d+", color)))
    assert brightness < 150 if dark else brightness > 600


@needs_chromium
def test_sorting_by_mouse_and_keyboard(opened):
    page = opened(1440)
    order = page.evaluate(NAMES)
    page.move("#board .col-clean button", click=True)
    clean = {c.full_name: c.result()["clean_accuracy"] for c in _board.measured()}
    best_first = sorted(order, key=lambda name: -clean[name])
    assert best_first != order
    page.expect(NAMES, best_first)
    state = "document.querySelector('#board .col-clean').getAttribute('aria-sort')"
    page.expect(state, "descending")
    page.evaluate("document.querySelector('#board .col-clean button').focus()")
    page.press("Enter", 13, "\r")
    page.expect(NAMES, best_first[::-1])
    page.expect(state, "ascending")
    assert "Clean, ascending" in page.evaluate("document.getElementById('said').textContent")


@needs_chromium
def test_filtering_ranks_as_the_leaderboard_does(opened):
    page = opened(1440)
    page.move("input[value=mnist] + span", click=True)
    rows = zoo.leaderboard("mnist", format="rows")
    page.expect(NAMES, [row["model"] for row in rows])
    shown = "[...document.querySelectorAll('figure')].filter(f => !f.hidden).length"
    page.expect(shown, 1)
    page.evaluate(
        "(r => { r.value = '1.58'; r.dispatchEvent(new Event('change')) })"
        "(document.getElementById('radius'))"
    )
    rows = zoo.leaderboard("mnist", 1.58, format="rows")
    page.expect(NAMES, [row["model"] for row in rows])
    first = "document.querySelector('#board tbody tr:not([hidden]) .col-bound').textContent"
    page.expect(first, f"{rows[0]['VRA']:.2%}")


@needs_chromium
def test_rows_show_their_curves_and_their_cards(opened):
    page = opened(1440)
    lit = "[...document.querySelectorAll('.curve.on')].map(c => c.dataset.model)"
    page.move("tr[data-model='convnet_2c2f.mnist@1'] .col-clean")
    page.expect(lit, ["convnet_2c2f.mnist@1"])
    page.evaluate("document.querySelector(\"tr[data-model='vote_of_three.mnist@1'] a\").focus()")
    page.expect(lit, ["vote_of_three.mnist@1"])
    page.press("Enter", 13, "\r")
    card = "document.getElementById('card-vote_of_three.mnist@1').open"
    page.expect(card)
    styles = (
        "['bound', 'estimate'].map(c => getComputedStyle(document.querySelector('.curve .' + c))"
    )
    assert page.evaluate(styles + ".strokeDasharray)")[0] == "none"
    assert page.evaluate(styles + ".strokeDasharray)")[1] != "none"


@needs_chromium
def test_readings_are_measured_and_never_too_high(opened):
    page = opened(1440)
    radius = zoo.card("convnet_2c2f.mnist").epsilon
    rows = zoo.leaderboard("mnist", radius, format="rows")
    assert page.evaluate(READING).startswith(f"{rows[0]['VRA']:.2%}")
    page.evaluate("document.querySelector('figure[data-dataset=mnist] input[type=range]').focus()")
    page.press("ArrowRight", 39)
    later = float(page.evaluate(READING).partition("%")[0])
    assert later < 100 * rows[0]["VRA"]
    page.move("figure[data-dataset=mnist] svg")
    assert float(page.evaluate(READING).partition("%")[0]) < later


@needs_chromium
def test_the_browser_would_tell(browser, tmp_path):
    """The planted faults: a script error, a request and an overflow are seen."""
    path = tmp_path / "bad.html"
    wide = "<div style='width: 999px'>wide</div><script>fail()</script><img src='other.png'>"
    path.write_text(f"<meta name=viewport content='width=device-width'>{wide}")
    browser.errors.clear(), browser.requests.clear()
    browser.open(path.as_uri(), 390)
    assert browser.evaluate(OVERFLOW) > 0
    assert browser.errors and any(url.endswith("other.png") for url in browser.requests)
