# SPDX-License-Identifier: GPL-2.0
#
# Copyright (C) The vmwalk authors

"""A headless Chromium, driven by the DevTools protocol through two pipes

usage: python3 tests/browser/browser.py FILE ACTION...

An action is click:SELECTOR, point:SELECTOR, key:KEY, print:EXPRESSION, size:WIDTHxHEIGHT,
scheme:light or dark, media:screen or print, or screenshot:FILE. Fails if a script has failed, or
if the page has loaded anything else.
"""

import base64
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

# The sandbox needs a user namespace of its own, which a root may lack.
COMMAND = ["chromium-headless-shell", "--no-sandbox", "--disable-gpu", "--remote-debugging-pipe"]

KEYS = {"Enter": "\r", " ": " ", "+": "+", "-": "-"}


class Browser:
    """A browser with one page. Errors of scripts and requests are in problems."""

    def __init__(self, width: int = 1200, height: int = 900) -> None:
        self.problems: list[str] = []
        self.number = 0
        self.rest = b""
        self.profile = tempfile.TemporaryDirectory()
        command_read, self.write_fd = os.pipe()
        self.read_fd, answer_write = os.pipe()
        # The browser reads from descriptor 3 and writes to 4.
        shell = f'exec "$@" 3<&{command_read} 4>&{answer_write}'
        self.process = subprocess.Popen(
            ["bash", "-c", shell, "-", *COMMAND, f"--user-data-dir={self.profile.name}"],
            pass_fds=(command_read, answer_write), stderr=subprocess.DEVNULL)
        os.close(command_read)
        os.close(answer_write)
        self.session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in "Page", "Runtime", "Network", "Log":
            self.call(f"{domain}.enable")
        self.resize(width, height)

    def __enter__(self) -> "Browser":
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        self.profile.cleanup()

    def receive(self) -> dict[str, Any]:
        """Get the next message. Messages end with a zero byte."""
        while b"\0" not in self.rest:
            part = os.read(self.read_fd, 1 << 16)
            if not part:
                raise RuntimeError("the browser has ended")
            self.rest += part
        text, self.rest = self.rest.split(b"\0", 1)
        message: dict[str, Any] = json.loads(text)
        return message

    def note(self, message: dict[str, Any]) -> None:
        """Note what a page must not do: fail, or load anything."""
        method, params = message.get("method"), message.get("params", {})
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.problems.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Log.entryAdded":
            self.problems.append(params["entry"]["text"])
        elif method == "Network.requestWillBeSent":
            url = params["request"]["url"]
            if not url.startswith("file:"):
                self.problems.append(f"request of {url}")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self.number += 1
        request = {"id": self.number, "method": method, "params": params}
        if self.session:
            request["sessionId"] = self.session
        os.write(self.write_fd, json.dumps(request).encode() + b"\0")
        while True:
            message = self.receive()
            if message.get("id") == self.number:
                break
            self.note(message)
        if "error" in message:
            raise RuntimeError(f"{method}: {message['error']}")
        result: dict[str, Any] = message["result"]
        return result

    def resize(self, width: int, height: int) -> None:
        """Set the size of the window."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=False)

    def scheme(self, scheme: str) -> None:
        """Prefer a dark or a light colour scheme."""
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": scheme}])

    def media(self, media: str) -> None:
        """Show the page as on a screen, or as on paper."""
        self.call("Emulation.setEmulatedMedia", media=media)

    def open(self, path: str) -> None:
        """Load a file and wait until it is there."""
        self.call("Page.navigate", url=Path(path).resolve().as_uri())
        while self.evaluate("document.readyState") != "complete":
            pass

    def evaluate(self, expression: str) -> Any:
        """Evaluate an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True)
        if "exceptionDetails" in result:
            raise RuntimeError(result["exceptionDetails"]["exception"]["description"])
        return result["result"].get("value")

    def middle(self, selector: str) -> tuple[float, float]:
        """Scroll an element into view and return the position of its middle."""
        box = self.evaluate(f"""(() => {{
            const element = document.querySelector({json.dumps(selector)});
            element.scrollIntoView({{block: 'center'}});
            const box = element.getBoundingClientRect();
            return [box.x + box.width / 2, box.y + box.height / 2];
        }})()""")
        return box[0], box[1]

    def point(self, selector: str) -> None:
        """Move the mouse to an element."""
        x, y = self.middle(selector)
        self.call("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, selector: str) -> None:
        """Click on an element with the mouse."""
        x, y = self.middle(selector)
        for kind in "mousePressed", "mouseReleased":
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def key(self, key: str) -> None:
        """Press a key."""
        text = {"text": KEYS[key]} if key in KEYS else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, **text)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key)

    def screenshot(self, path: str) -> None:
        """Write the whole page as PNG."""
        data = self.call("Page.captureScreenshot", captureBeyondViewport=True)["data"]
        Path(path).write_bytes(base64.b64decode(data))


def main(path: str, actions: list[str]) -> int:
    """Open a page and do one action after the other."""
    with Browser() as browser:
        for action in ["open:" + path, *actions]:
            name, _, argument = action.partition(":")
            if name == "print":
                print(browser.evaluate(argument))
            elif name == "size":
                browser.resize(*map(int, argument.split("x")))
            else:
                getattr(browser, name)(argument)
        # A message that the page has caused comes before this answer.
        browser.evaluate("0")
        for problem in browser.problems:
            print(problem, file=sys.stderr)
        return 1 if browser.problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
