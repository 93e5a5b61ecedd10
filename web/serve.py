"""Serve the folder of this file to this machine alone, until Ctrl-C: `python3 serve.py`, `python3 serve.py 8001`.

Needs the standard library alone: it is copied with the page to machines that have nothing else.
"""

import re
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
HOST = "127.0.0.1"
TYPES = {".js": "text/javascript", ".mjs": "text/javascript", ".wasm": "application/wasm", ".svg": "image/svg+xml"}


class Handler(SimpleHTTPRequestHandler):
    """Static files, each sent with the page's security policy: a worker obeys only the one sent with its own file."""

    extensions_map = SimpleHTTPRequestHandler.extensions_map | TYPES  # on Windows the defaults depend on the registry
    policy = ""
    packed = False

    def send_head(self):
        """Send the compressed copy of a file, if there is one and the browser takes it."""
        takes = "gzip" in self.headers.get("Accept-Encoding", "")
        self.packed = takes and Path(f"{self.translate_path(self.path)}.gz").is_file()
        if self.packed:
            self.path = f"{self.path.partition('?')[0]}.gz"
        return super().send_head()

    def guess_type(self, path) -> str:
        """The type of a file, of a compressed copy that of its content."""
        return super().guess_type(str(path).removesuffix(".gz"))

    def end_headers(self) -> None:
        if self.packed:
            self.send_header("Content-Encoding", "gzip")
        self.send_header("Vary", "Accept-Encoding")
        self.send_header("Content-Security-Policy", self.policy)
        self.send_header("X-Content-Type-Options", "nosniff")
        self.send_header("Cache-Control", "no-cache")  # the next `make web` may bring another model
        super().end_headers()

    def log_message(self, *_) -> None:
        """Print nothing, so the address stays visible in the terminal."""


def server(folder: Path, port: int) -> ThreadingHTTPServer:
    """A server of this folder, not yet running. Port 0 takes a free port. Raises OSError if the port is taken."""
    found = re.search(r'content="(default-src [^"]+)"', (folder / "index.html").read_text("utf-8"))
    handler = type("PageHandler", (Handler,), {"policy": found[1]})
    return ThreadingHTTPServer((HOST, port), partial(handler, directory=str(folder)))


def main(port: str) -> None:
    """Serve until Ctrl-C."""
    try:
        page = server(FOLDER, int(port))
    except (ValueError, OverflowError):
        sys.exit(f"port {port}: expected a number from 0 to 65535")
    except OSError as error:
        sys.exit(f"port {port}: {error.strerror}; choose another")
    print(f"http://{HOST}:{page.server_port}/ (Ctrl-C ends)", flush=True)
    try:
        page.serve_forever()
    except KeyboardInterrupt:
        print()


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "8000")
