"""Reads web archives with ours, FastWARC and warcio in turns, and prints a Markdown table: pages, losses, raw MB a CPU second.

    cargo build --release -p source --example read_warc
    python tests/bench/warc.py --ours target/release/examples/read_warc [--made 60] FILE…

Raw MB are those of the records, unpacked (10^6 bytes); CPU seconds are user and system time of the whole process, so that the peers
pay for their interpreter too. `--text` compares from archive to text instead: ours is then the program itself, beside warcio with
trafilatura. `--pages` adds an archive of all HTML files below a folder. `--made` adds archives of so many MB of made-up pages, as gzip members and uncompressed. A peer that
raises an error has read what came before it. Needs fastwarc and warcio."""

import argparse
import gzip
import os
import pathlib
import random
import subprocess
import sys
import tempfile

FASTWARC = """
import sys
from fastwarc.warc import ArchiveIterator, WarcRecordType
pages = size = losses = 0
for path in sys.argv[1:]:
    try:
        for record in ArchiveIterator(open(path, "rb"), record_types=WarcRecordType.response | WarcRecordType.resource, parse_http=True):
            size += len(record.reader.read())
            pages += 1
    except Exception:
        losses += 1
print(f"{pages} pages, {size} bytes, {losses} losses")
"""
WARCIO = """
import sys
from warcio.archiveiterator import ArchiveIterator
pages = size = losses = 0
for path in sys.argv[1:]:
    try:
        for record in ArchiveIterator(open(path, "rb"), arc2warc=True):
            if record.rec_type in ("response", "resource"):
                size += len(record.content_stream().read())
                pages += 1
    except Exception:
        losses += 1
print(f"{pages} pages, {size} bytes, {losses} losses")
"""

TO_TEXT = """
import sys
import trafilatura
from warcio.archiveiterator import ArchiveIterator
pages = size = losses = 0
for path in sys.argv[1:]:
    for record in ArchiveIterator(open(path, "rb"), arc2warc=True):
        if record.rec_type in ("response", "resource"):
            text = trafilatura.extract(record.content_stream().read()) or ""
            size += len(text.encode())
            pages += 1
print(f"{pages} pages, {size} bytes of text, {losses} losses")
"""


def packed(folder, pages):
    """An archive of saved pages, a gzip member each."""
    path = pathlib.Path(folder, "pages.warc.gz")
    with path.open("wb") as file:
        for number, page in enumerate(sorted(pathlib.Path(pages).rglob("*.htm*"))):
            body = gzip.decompress(page.read_bytes()) if page.suffix == ".gz" else page.read_bytes()
            answer = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n" + body
            file.write(gzip.compress(head(number, len(answer)) + answer + b"\r\n\r\n", 6, mtime=0))
    return [str(path)]


def head(number, length):
    return (f"WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://a.example/{number}\r\n"
            f"WARC-Date: 2024-03-05T10:00:00Z\r\nWARC-Record-ID: <urn:uuid:00000000-0000-0000-0000-{number:012}>\r\n"
            f"Content-Type: application/http; msgtype=response\r\nContent-Length: {length}\r\n\r\n").encode()


def made(folder, megabytes):
    """Archives of made-up pages: the same for the same number of megabytes."""
    choice = random.Random(7)
    words = ["".join(choice.choices("abcdefghijklmnopqrstuvwxyz", k=choice.randint(2, 11))) for _ in range(30000)]
    weights = [1 / (rank + 5) for rank in range(len(words))]
    plain, members = pathlib.Path(folder, "made.warc"), pathlib.Path(folder, "made.warc.gz")
    with plain.open("wb") as plain_file, members.open("wb") as packed_file:
        number = size = 0
        while size < megabytes * 1e6:
            body = "".join("<p class=\"text\">%s.</p>\n" % " ".join(choice.choices(words, weights, k=40))
                           for _ in range(choice.randint(20, 300)))
            answer = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n<html><body>{body}</body></html>"
            record = head(number, len(answer)) + f"{answer}\r\n\r\n".encode()
            plain_file.write(record)
            packed_file.write(gzip.compress(record, 6, mtime=0))
            number, size = number + 1, size + len(record)
    return [str(members), str(plain)]


def run(command):
    before = os.times()
    ran = subprocess.run(command, capture_output=True, text=True)
    after = os.times()
    if ran.returncode != 0:
        sys.exit(f"{command[0]} failed: {ran.stderr[-500:]}")
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return ran.stdout.strip().split("\n")[-1], spent


def raw_size(path):
    opened = gzip.open(path, "rb") if path.endswith(".gz") else open(path, "rb")
    size = 0
    try:
        while piece := opened.read(1 << 20):
            size += len(piece)
    except (OSError, EOFError):
        pass
    return size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--made", type=int, default=0, help="MB of made-up pages")
    parser.add_argument("--pages", help="a folder of HTML files, which may be gzipped")
    parser.add_argument("--text", action="store_true", help="from archive to text; `--ours` is the program")
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = options.files + (made(folder, options.made) if options.made else [])
        files += packed(folder, options.pages) if options.pages else []
        if options.text:
            readers = {"ours": [options.ours, "extract", "--json", f"{folder}/texts.jsonl"],
                       "warcio, trafilatura": [sys.executable, "-c", TO_TEXT]}
        else:
            readers = {"ours": [options.ours], "FastWARC": [sys.executable, "-c", FASTWARC],
                       "warcio": [sys.executable, "-c", WARCIO]}
        print("| file | raw MB | reader | result | MB a CPU second |\n| --- | ---: | --- | --- | ---: |")
        for path in files:
            size = raw_size(path) / 1e6
            spent = {name: [] for name in readers}
            for _ in range(options.turns):
                for name, command in readers.items():
                    result, seconds = run([*command, path])
                    spent[name].append((seconds, result))
            for name, times in spent.items():
                seconds, result = sorted(times)[len(times) // 2]
                print(f"| {pathlib.Path(path).name} | {size:.1f} | {name} | {result} | {size / max(seconds, 0.001):.0f} |")


if __name__ == "__main__":
    main()
