"""The command `rayling`, in a clone `python -m rayling`: an exported network in use, without torch and DVC."""

import sys
from importlib import import_module

from rayling.common import command

COMMANDS = {  # name: module with a function `main`, what it does
    "predict": ("rayling.predict.__main__", "answer for X-rays: PNG, JPEG or DICOM files, folders"),
    "explain": ("rayling.predict.explain", "draw what the answer for one X-ray rests on"),
    "info": ("rayling.predict.info", "print what the file of a network says of itself"),
    "page": ("rayling.page.__main__", "write the web page that runs a network in a browser"),
}
HELP = f"""usage: rayling COMMAND ...

{chr(10).join(f"  {name:<9}{what}" for name, (_, what) in COMMANDS.items())}

`rayling COMMAND --help` has the options, an example and the exit statuses. Not for clinical use.
"""


def main() -> None:
    """Run the command that the first argument names, and exit with its status; 2 if there is none of that name."""
    name, *arguments = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(HELP, end="")
    elif name == "--version":
        print(f"rayling {_version()}")
    elif name in COMMANDS:
        module = import_module(COMMANDS[name][0])
        command.run(lambda: module.main(arguments))
    else:
        print(f"error: found the command {name!r}, expected one of {', '.join(COMMANDS)}", file=sys.stderr)
        sys.exit(2)


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version  # a tenth of the time of an answer

    try:
        return version("rayling")
    except PackageNotFoundError:
        return "in a clone, not installed"


if __name__ == "__main__":
    main()
