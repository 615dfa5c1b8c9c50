"""A real browser without network, where one is installed."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
AXE = os.environ.get("ASSAY_AXE", "")
"""Path of axe-core's ``axe.min.js``, where someone has it; the tests' own checks run always."""


@dataclass
class Seen:
    """What the page did."""

    requests: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def axe(self, page: Any) -> list[str]:
        """What axe-core says against WCAG 2.2 A and AA; nothing where it is not installed."""
        if not AXE:
            return []
        page.evaluate(Path(AXE).read_text(encoding="utf-8"))
        tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
        found = page.evaluate(
            "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", tags
        )
        return [f"{v['id']}: {v['nodes'][0]['html'][:160]}" for v in found["violations"]]


@contextmanager
def chromium_page() -> Iterator[tuple[Any, Seen]]:
    """A page of an installed Chromium that is offline; skips where there is none."""
    api = pytest.importorskip("playwright.sync_api")
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        pytest.skip("no Chromium is installed")
    with api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser, args=list(FLAGS))
        context = chromium.new_context(viewport={"width": 1200, "height": 900}, offline=True)
        page, seen = context.new_page(), Seen()
        page.on("request", lambda request: seen.requests.append(request.url))
        page.on("requestfailed", lambda request: seen.problems.append(request.url))
        page.on("pageerror", lambda error: seen.problems.append(str(error)))
        page.on("console", lambda message: seen.problems.append(message.text))
        yield page, seen
        chromium.close()
