"""Write the web page that runs a network in a browser: `rayling page student.onnx folder`."""

import argparse
from pathlib import Path

from rayling.common import command
from rayling.page import site

EPILOG = """example:
  rayling page student.onnx page && python3 page/serve.py

The folder can be copied to any machine with a browser and Python. The image never leaves that machine.
exit status: 0; 2 if the file is not an exported network or the folder cannot be written.
"""


def main(arguments: list[str] | None = None) -> int:
    """Run the command and return its exit status. Raises SystemExit with 2 for a wrong command line."""
    about = {"description": __doc__.partition(":")[0] + ".", "epilog": EPILOG}
    parser = argparse.ArgumentParser("rayling page", formatter_class=argparse.RawDescriptionHelpFormatter, **about)
    parser.add_argument("model", help="an ONNX file that `export` wrote")
    parser.add_argument("folder", help="a new folder, or an older page, which is replaced")
    options = parser.parse_args(arguments)
    return command.status_of(lambda: _write(options.model, options.folder))


def _write(model: str, folder: str) -> int:
    site.write(model, folder)
    print(f"python3 {Path(folder) / 'serve.py'} opens it on this machine")
    return 0
