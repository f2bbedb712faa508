"""Open every page of the built site in a browser; count pages, links, images and what is broken.

sphinx-build -W docs docs/_build && python docs/check_site.py

Needs playwright, and a Chromium of the system or playwright's own (`playwright install chromium`).
Links to other sites are counted, not followed: the machine may have no network.
"""

import argparse
import functools
import shutil
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urldefrag, urljoin, urlsplit

from PIL import Image, ImageChops, ImageStat
from playwright.sync_api import sync_playwright

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"width": 390, "height": 844}
SEARCHED = "VAETransformer"
LINKS = "[...document.querySelectorAll('a[href]')].map(a => a.getAttribute('href'))"
NAMES = "[...document.querySelectorAll('[id]')].map(e => e.id)"
# Images below the fold are not loaded before they are asked for.
IMAGES = """async () => {
    const images = [...document.images];
    images.forEach(image => { image.loading = 'eager'; });
    await Promise.all(images.map(image => image.decode().catch(() => null)));
    return images.map(image => [image.getAttribute('src'), image.naturalWidth]);
}"""
WIDTHS = "[document.documentElement.scrollWidth, window.innerWidth]"
# Table cells of a letter a line, and text of a drawing that was shrunk with it.
UNREADABLE = """() => {
    const box = e => e.getBoundingClientRect();
    const cells = [...document.querySelectorAll('td, th')]
        .filter(e => box(e).width < 60 && box(e).height > 100);
    const texts = [...document.querySelectorAll('svg text')]
        .filter(e => e.checkVisibility() && box(e).height > 0 && box(e).height < 10);
    return [...cells, ...texts].map(e => {
        const {width, height} = box(e);
        return [e.textContent.trim().slice(0, 30), Math.round(width), Math.round(height)];
    });
}"""


class Quiet(SimpleHTTPRequestHandler):
    """Serves files without a line for each."""

    def log_message(self, *args):
        """Say nothing."""


def serve(folder):
    """A server of the folder on a free port, in a thread; returns its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/"


def shrunk(path):
    """A picture as a few grey pixels, by which copies of different sizes compare."""
    picture = Image.open(path).convert("RGBA")
    ground = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(ground, picture).convert("L").resize((40, 28))


class Visitor:
    """Opens pages and remembers what is on them, and what is wrong."""

    def __init__(self, page, base):
        self.page, self.base = page, base
        self.problems, self.links, self.names = [], {}, {}
        self.n_images = self.n_console_errors = 0
        self.where = ""
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self._on_error(str(error)))

    def _on_console(self, message):
        if message.type == "error":
            self._on_error(message.text)

    def _on_error(self, text):
        self.n_console_errors += 1
        self.problems.append(f"{self.where}: console: {text}")

    def visit(self, name):
        """Open a page, wide and as on a phone."""
        self.where = name
        self.page.set_viewport_size({"width": 1280, "height": 900})
        answer = self.page.goto(self.base + name, wait_until="load")
        if not answer.ok:
            self.problems.append(f"{name}: status {answer.status}")
            return
        self.links[name] = self.page.evaluate(LINKS)
        self.names[name] = set(self.page.evaluate(NAMES))
        images = self.page.evaluate(IMAGES)
        self.n_images += len(images)
        self.problems += [f"{name}: no image {source}" for source, width in images if not width]
        self.page.set_viewport_size(PHONE)
        wide, shown = self.page.evaluate(WIDTHS)
        if wide > shown + 1:
            self.problems.append(f"{name}: {wide} pixels wide on a phone of {shown}")
        for text, width, height in self.page.evaluate(UNREADABLE):
            self.problems.append(f"{name}: {text!r} is {width} x {height} pixels on a phone")

    def check_links(self):
        """Whether links within the site lead to a page and a place on it; returns their numbers."""
        n_inside = n_outside = 0
        for name, links in self.links.items():
            for link in links:
                target, fragment = urldefrag(urljoin(self.base + name, link))
                if not target.startswith(self.base):
                    n_outside += 1
                    continue
                n_inside += 1
                path = unquote(urlsplit(target).path).lstrip("/") or "index.html"
                path += "index.html" if path.endswith("/") else ""
                if path not in self.names:
                    answer = self.page.request.head(target)
                    if not answer.ok:
                        self.problems.append(f"{name}: no page {link}")
                elif fragment and unquote(fragment) not in self.names[path]:
                    self.problems.append(f"{name}: no place {link}")
        return n_inside, n_outside

    def check_gallery(self, folder, examples):
        """Whether each example has its picture, not the one that stands in for none."""
        placeholder = shrunk(folder / "_static" / "no_image.png")
        self.page.goto(self.base + "gallery/index.html")
        shown = self.page.locator(".sphx-glr-thumbcontainer img")
        sources = shown.evaluate_all("images => images.map(image => image.getAttribute('src'))")
        if len(sources) != len(examples):
            self.problems.append(f"gallery: {len(sources)} pictures for {len(examples)} examples")
        for source in sources:
            difference = ImageChops.difference(shrunk(folder / "gallery" / source), placeholder)
            if ImageStat.Stat(difference).mean[0] < 2:  # of 255
                self.problems.append(f"gallery: {Path(source).name} is a placeholder")

    def check_search(self):
        """Whether the search finds a class."""
        self.page.goto(f"{self.base}search.html?q={SEARCHED}")
        found = self.page.locator("ul.search li a")
        found.first.wait_for(timeout=20_000)
        if not any(SEARCHED in text for text in found.all_inner_texts()[:5]):
            self.problems.append(f"search: {SEARCHED} is not among the first five")


def main(arguments=None):
    """Check the site and print the numbers; returns 1 if something is broken."""
    here = Path(__file__).parent
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, default=here / "_build")
    folder = parser.parse_args(arguments).folder
    pages = sorted(str(p.relative_to(folder)) for p in folder.rglob("*.html"))
    pages = [name for name in pages if not name.startswith("_static/")]
    if "index.html" not in pages:
        sys.exit(f"There is no site in {folder}. Build it first: sphinx-build -W docs docs/_build")
    system = next(filter(None, map(shutil.which, BROWSERS)), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system, args=["--no-sandbox"])
        visitor = Visitor(browser.new_page(), serve(folder))
        for name in pages:
            visitor.visit(name)
        n_inside, n_outside = visitor.check_links()
        visitor.check_gallery(folder, list((here.parent / "examples").glob("plot_*.py")))
        visitor.check_search()
        browser.close()
    for problem in visitor.problems:
        print(problem)
    print(
        f"{len(pages)} pages, {n_inside} links within the site, "
        f"{n_outside} links to other sites (not followed), "
        f"{visitor.n_images} images, {visitor.n_console_errors} console errors, "
        f"{len(visitor.problems)} broken"
    )
    return int(bool(visitor.problems))


if __name__ == "__main__":
    sys.exit(main())
