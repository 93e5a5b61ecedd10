"""Put the page and its libraries where `rayling page` and the wheel take them from: `python -m web.assemble`.

The libraries come from web/node_modules, where `npm ci` puts them. Browsers cannot import a package by its name, so
such imports are replaced by imports by path; the page needs no bundler.
"""

import re
import shutil
import sys
from pathlib import Path

from rayling.page.site import FILES

WEB = Path(__file__).parent
PACKAGES = WEB / "node_modules"
COPIES = {  # path in node_modules: name in site/vendor
    "onnxruntime-web/dist/ort.wasm.bundle.min.mjs": "ort.wasm.bundle.min.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
    "fflate/esm/browser.js": "fflate.js",
    "jpeg-lossless-decoder-js/release/lossless.js": "jpeg-lossless.js",
}
FOLDERS = {"fast-png/lib": "fast-png", "iobuffer/lib": "iobuffer"}
BY_NAME = {"fflate": "../fflate.js", "iobuffer": "../iobuffer/iobuffer.js"}
CODECS = {  # CommonJS beside its WebAssembly in node_modules: name in site/vendor
    "@cornerstonejs/codec-charls/dist/charlswasm_decode": "charls",
    "@cornerstonejs/codec-openjpeg/dist/openjpegwasm_decode": "openjpeg",
}
LICENCES = (
    "jpeg-lossless-decoder-js",
    "dicom-parser",
    "fast-png",
    "fflate",
    "iobuffer",
)  # the others (MIT) have no file

# dicom-parser and the codecs are CommonJS modules. Without zlib it refuses deflated files, which we refuse before it.
ES_MODULE = """const module = {{ exports: {{}} }}, exports = module.exports, require = () => {{}};
{}
export default module.exports;
"""


def assemble(files: Path) -> None:
    """Write the folder `files` anew, whole or not at all. Raises OSError if a file is missing or the disk is full."""
    partial = files.with_name(f".{files.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(WEB / "page", partial)
    shutil.copy(WEB / "serve.py", partial)
    _copy_libraries(partial / "vendor")
    shutil.rmtree(files, ignore_errors=True)
    partial.rename(files)


def _copy_libraries(vendor: Path) -> None:
    vendor.mkdir()
    for source, name in COPIES.items():
        shutil.copy(PACKAGES / source, vendor / name)
    for source, name in FOLDERS.items():
        shutil.copytree(PACKAGES / source, vendor / name, ignore=shutil.ignore_patterns("*.map", "*.d.ts"))
        for script in (vendor / name).rglob("*.js"):
            script.write_text(_import_by_path(script.read_text("utf-8")), "utf-8")
    parser = (PACKAGES / "dicom-parser/dist/dicomParser.min.js").read_text("utf-8")
    (vendor / "dicom-parser.js").write_text(ES_MODULE.format(parser), "utf-8")
    for source, name in CODECS.items():
        script = (PACKAGES / f"{source}.js").read_text("utf-8")
        (vendor / f"{name}.js").write_text(ES_MODULE.format(script), "utf-8")
        shutil.copy(PACKAGES / f"{source}.wasm", vendor / f"{name}.wasm")
    for package in LICENCES:
        shutil.copy(PACKAGES / package / "LICENSE", vendor / f"{package}.LICENSE")


def _import_by_path(script: str) -> str:
    """Replace imports by name with imports by path; the files of both folders lie one level deep."""
    return re.sub(r"(?<=from ')(\w+)(?=')", lambda found: BY_NAME[found[1]], script)


def main() -> None:
    """Assemble the page, or exit with a line that names what is missing."""
    try:
        assemble(FILES)
    except OSError as error:
        hint = "" if PACKAGES.is_dir() else "; `npm ci --prefix web` installs the libraries"
        sys.exit(f"{FILES}: {error}{hint}")


if __name__ == "__main__":
    main()
