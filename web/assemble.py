"""Put the page, the libraries that it needs and a model into web/site: `python -m web.assemble student.onnx`.

The libraries come from web/node_modules as `npm ci` left them; browsers know no
package names, so that imports by name become imports by path here, in place of a bundler.
"""

import re
import shutil
import sys
from pathlib import Path

from distill.errors import BadInput
from distill.onnx_model import OnnxModel

WEB = Path(__file__).parent
PACKAGES = WEB / "node_modules"
COPIES = {  # in node_modules: below site/vendor
    "onnxruntime-web/dist/ort.wasm.bundle.min.mjs": "ort.wasm.bundle.min.mjs",
    "onnxruntime-web/dist/ort-wasm-simd-threaded.wasm": "ort-wasm-simd-threaded.wasm",
    "fflate/esm/browser.js": "fflate.js",
}
FOLDERS = {"fast-png/lib": "fast-png", "iobuffer/lib": "iobuffer"}
BY_NAME = {"fflate": "../fflate.js", "iobuffer": "../iobuffer/iobuffer.js"}
LICENCES = ("dicom-parser", "fast-png", "fflate", "iobuffer")  # onnxruntime-web comes without its own, MIT

# dicom-parser expects Node's or a global scope; without zlib it refuses what is deflated, as we do before it.
AS_MODULE = """const module = {{ exports: {{}} }}, exports = module.exports, require = () => {{}};
{}
export default module.exports;
"""


def assemble(model: Path, site: Path) -> None:
    """Write the folder `site` anew, whole or not at all. Raises OSError if something is missing or the disk is full."""
    partial = site.with_name(f".{site.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    shutil.copytree(WEB / "page", partial)
    shutil.copy(WEB / "serve.py", partial)
    shutil.copy(model, partial / "model.onnx")
    _vendor(partial / "vendor")
    shutil.rmtree(site, ignore_errors=True)
    partial.rename(site)


def _vendor(vendor: Path) -> None:
    vendor.mkdir()
    for source, name in COPIES.items():
        shutil.copy(PACKAGES / source, vendor / name)
    for source, name in FOLDERS.items():
        shutil.copytree(PACKAGES / source, vendor / name, ignore=shutil.ignore_patterns("*.map", "*.d.ts"))
        for script in (vendor / name).rglob("*.js"):
            script.write_text(_by_path(script.read_text("utf-8")), "utf-8")
    parser = (PACKAGES / "dicom-parser/dist/dicomParser.min.js").read_text("utf-8")
    (vendor / "dicom-parser.js").write_text(AS_MODULE.format(parser), "utf-8")
    for package in LICENCES:
        shutil.copy(PACKAGES / package / "LICENSE", vendor / f"{package}.LICENSE")


def _by_path(script: str) -> str:
    """The same module, with each import by name as one by path; both folders' own files lie one level deep."""
    return re.sub(r"(?<=from ')(\w+)(?=')", lambda found: BY_NAME[found[1]], script)


def main(model: str) -> None:
    """Assemble web/site, or say what is missing."""
    if not Path(model).is_file():
        sys.exit(f"{model} is not there: run `make` first")
    try:
        OnnxModel(model)
        assemble(Path(model), WEB / "site")
    except BadInput as error:
        sys.exit(str(error))
    except OSError as error:
        missing = "" if PACKAGES.is_dir() else "; `npm ci --prefix web` installs what the page needs"
        sys.exit(f"{WEB / 'site'}: {error}{missing}")  # of a folder's copy it is a list of errors


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "data/models/student.onnx")
