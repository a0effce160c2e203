"""Headless Chromium, driven over a pipe by its DevTools protocol: for tests, and for screenshots.

python tests/zoo/chromium.py page.html 390 phone.png [--dark]
"""

import base64
import contextlib
import json
import os
import pathlib
import select
import shutil
import subprocess
import sys
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
FLAGS = "--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --remote-debugging-pipe"
FLAGS += " --no-first-run --disable-extensions --disable-background-networking --hide-scrollbars"
TIMEOUT = 60


def executable():
    """The path of an installed Chromium, or `None`."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Page:
    """A page in its own browser: `evaluate`, `press`, `click`; `errors` and `requests` collect."""

    def __init__(self, write, read):
        self._write, self._read, self._buffer, self._number = write, read, b"", 0
        self.errors, self.requests = [], []
        self._session = None
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        attached = self.send("Target.attachToTarget", targetId=target, flatten=True)
        self._session = attached["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method, **params):
        """One command; returns its result and notes the events that come before it."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return answer["result"]

    def _receive(self):
        while b"\0" not in self._buffer:
            if not select.select([self._read], [], [], TIMEOUT)[0]:
                raise TimeoutError("Chromium does not answer")
            chunk = os.read(self._read, 2**16)
            if not chunk:
                raise EOFError("Chromium ended")
            self._buffer += chunk
        text, _, self._buffer = self._buffer.partition(b"\0")
        event = json.loads(text)
        self._note(event.get("method"), event.get("params", {}))
        return event

    def _note(self, method, params):
        if method == "Runtime.exceptionThrown":
            self.errors.append(params["exceptionDetails"])
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning"):
            self.errors.append(params["args"])
        elif method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])

    def open(self, url, width, height=900, dark=False):
        """Loads an address in a window of that size, in pixels of CSS."""
        mobile = {"mobile": width < 600, "deviceScaleFactor": 1}
        self.send("Emulation.setDeviceMetricsOverride", width=width, height=height, **mobile)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.send("Emulation.setEmulatedMedia", features=scheme)
        self.send("Page.navigate", url=url)
        deadline = time.monotonic() + TIMEOUT
        while self.evaluate("document.readyState + location.href").startswith("complete") is False:
            assert time.monotonic() < deadline, "the page does not load"
        return self

    def evaluate(self, code):
        """The value of an expression in the page."""
        found = self.send("Runtime.evaluate", expression=code, returnByValue=True)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    def expect(self, code, value=True):
        """Asserts the value of an expression, which may follow an input event some time later."""
        deadline = time.monotonic() + TIMEOUT / 4
        while (found := self.evaluate(code)) != value:
            assert time.monotonic() < deadline, f"{code} is {found}, not {value}"

    def press(self, key, code=0, text=None):
        """One key down and up."""
        common = {"key": key, "code": key, "windowsVirtualKeyCode": code}
        self.send(
            "Input.dispatchKeyEvent", type="keyDown", **common, **({"text": text} if text else {})
        )
        self.send("Input.dispatchKeyEvent", type="keyUp", **common)

    def move(self, selector, click=False):
        """Points at the middle of an element, and clicks there if asked."""
        code = f"""(() => {{ const e = document.querySelector({json.dumps(selector)});
            e.scrollIntoView({{block: "center"}}); const b = e.getBoundingClientRect();
            return [b.left + b.width / 2, b.top + b.height / 2]; }})()"""
        x, y = self.evaluate(code)
        self.send("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)
        if click:
            for kind in ("mousePressed", "mouseReleased"):
                self.send(
                    "Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1
                )

    def screenshot(self, path):
        """Writes the whole page as a PNG."""
        shot = self.send("Page.captureScreenshot", captureBeyondViewport=True)
        pathlib.Path(path).write_bytes(base64.b64decode(shot["data"]))


@contextlib.contextmanager
def browser():
    """A `Page` in a new browser, which ends with the block."""
    to_read, write = os.pipe()
    read, to_write = os.pipe()

    def pipes():
        os.dup2(to_read, 3)
        os.dup2(to_write, 4)

    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [executable(), *FLAGS.split(), f"--user-data-dir={profile}"]
        process = subprocess.Popen(
            command, preexec_fn=pipes, pass_fds=(3, 4), stderr=subprocess.DEVNULL
        )
        os.close(to_read), os.close(to_write)
        try:
            yield Page(write, read)
        finally:
            process.terminate()
            process.wait(timeout=TIMEOUT)
            os.close(write), os.close(read)


if __name__ == "__main__":
    source, width, target = sys.argv[1:4]
    with browser() as page:
        page.open(pathlib.Path(source).resolve().as_uri(), int(width), dark="--dark" in sys.argv)
        height = page.evaluate("document.documentElement.scrollHeight")
        page.open(pathlib.Path(source).resolve().as_uri(), int(width), height, "--dark" in sys.argv)
        page.screenshot(target)
        print(page.errors, page.requests)
