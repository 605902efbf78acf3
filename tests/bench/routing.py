"""How often a page is read in the right way, over a mixed set that is made here: a Markdown table.

PDF… are born-digital books, such as DATA/pdf/textbook/*.pdf. From each, pages with text are taken and put into one file in eight
ways: as they are; before a background picture; as a picture (a scan); as a picture with a hidden text layer that is right,
that misspells a quarter of its letters, that is another page's, or whose letters are shifted as by a broken character map; as
a picture with a visible stamp. The text layer is right for the first two and for the right hidden layer, the picture for all
others. Needs the PyPI package pymupdf.
"""

import argparse
import json
import pathlib
import random
import subprocess
import tempfile

import pymupdf

ROOT = pathlib.Path(__file__).resolve().parents[2]
LAYER, PICTURE = "text_layer", "engine"
KINDS = {
    "as it is": LAYER,
    "before a picture": LAYER,
    "scan": PICTURE,
    "scan, right layer": LAYER,
    "scan, misspelt layer": PICTURE,
    "scan, layer of another page": PICTURE,
    "scan, shifted letters": PICTURE,
    "scan with a stamp": PICTURE,
}


def misspelt(text, chance):
    letters = [it for it in text if it.isalpha()] or ["?"]
    return "".join(chance.choice(letters) if it.isalpha() and chance.random() < 0.25 else it for it in text)


def shifted(text):
    return "".join(chr(ord(it) + 3) if it.isalpha() else it for it in text)


def hidden(page, words, font):
    """Writes words invisibly at their places."""
    for left, _, right, bottom, text, *_ in words:
        width = font.text_length(text, fontsize=1)
        size = (right - left) / width if width else 1
        page.insert_text((left, bottom - 0.2 * size), text, fontname="hidden", fontsize=size, render_mode=3)


def add(book, kind, source, other, font, chance):
    """Adds a page of `source` to the book, in the given way."""
    if kind == "as it is":
        book.insert_pdf(source.parent, from_page=source.number, to_page=source.number)
        return
    page = book.new_page(width=source.rect.width, height=source.rect.height)
    if kind == "before a picture":
        paper = pymupdf.Pixmap(pymupdf.csGRAY, pymupdf.IRect(0, 0, 400, 560))
        paper.clear_with(244)
        page.insert_image(page.rect, pixmap=paper)
        page.show_pdf_page(page.rect, source.parent, source.number)
        return
    picture = source.get_pixmap(dpi=200, colorspace=pymupdf.csGRAY)
    page.insert_image(page.rect, stream=picture.tobytes("jpeg", jpg_quality=60))
    page.insert_font(fontname="hidden", fontbuffer=font.buffer)
    words = source.get_text("words")
    if kind == "scan, right layer":
        hidden(page, words, font)
    elif kind == "scan, misspelt layer":
        hidden(page, [(*word[:4], misspelt(word[4], chance)) for word in words], font)
    elif kind == "scan, layer of another page":
        hidden(page, other.get_text("words"), font)
    elif kind == "scan, shifted letters":
        hidden(page, [(*word[:4], shifted(word[4])) for word in words], font)
    elif kind == "scan with a stamp":
        page.insert_text((40, 20), "Library copy 4711", fontsize=8)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--medcorpus", required=True)
    parser.add_argument("--pages", type=int, default=2, help="of each book in each way")
    parser.add_argument("--draw", type=int, default=7, help="another number draws other pages")
    parser.add_argument("--cache", help="folder that remembers what engines have read")
    parser.add_argument("--list", action="store_true", help="name the pages that are read in the wrong way")
    parser.add_argument("pdf", nargs="+")
    options = parser.parse_args()
    chance = random.Random(options.draw)
    font = pymupdf.Font("cjk")
    right, all_pages = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
    with tempfile.TemporaryDirectory() as folder:
        for path in options.pdf:
            source = pymupdf.open(path)
            full = [page for page in source if len(page.get_text()) > 400]
            book, kinds = pymupdf.open(), []
            for _ in range(options.pages):
                for kind in KINDS:
                    page = chance.choice(full)
                    other = chance.choice([it for it in full if it.number != page.number])
                    add(book, kind, page, other, font, chance)
                    kinds.append(kind)
            mixed = pathlib.Path(folder) / pathlib.Path(path).name
            book.save(mixed, garbage=4, deflate=True)
            command = [str(pathlib.Path(options.medcorpus).resolve()), "extract", str(mixed), "--pages", "all"]
            command += ["--cache", options.cache] if options.cache else ["--no-cache"]
            out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
            for kind, line in zip(kinds, map(json.loads, out.splitlines()), strict=True):
                read = LAYER if line["method"] == LAYER else PICTURE
                all_pages[kind] += 1
                right[kind] += read == KINDS[kind]
                if options.list and read != KINDS[kind]:
                    print(f"{path}: page {line['page']} ({kind}): {line['method']}, {line['route']}")
    print("| page | read by | pages | right |")
    print("| --- | --- | ---: | ---: |")
    for kind, by in KINDS.items():
        print(f"| {kind} | {by.replace('_', ' ')} | {all_pages[kind]} | {right[kind]} |")
    share = sum(right.values()) / sum(all_pages.values())
    print(f"| all | | {sum(all_pages.values())} | {sum(right.values())} ({100 * share:.1f} %) |")


if __name__ == "__main__":
    main()
