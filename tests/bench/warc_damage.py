"""Reads every WARC and ARC file of a folder with ours, warcio and FastWARC, and prints a Markdown table of what each recovers.

    cargo build -p source --example read_warc
    python tests/bench/warc_damage.py --ours target/debug/examples/read_warc [--all] FOLDER…

A cell is the number of records with text (answers with status 200 that are HTML or plain text, resources, conversions) and of losses
reported; a peer has no list of losses but ends at the first with an error (`!`). "unseen" counts addresses that a peer has and ours
has not. Files on which all readers agree and report nothing are left out unless `--all`, those in which no reader finds a record are
one row. A peer that is not installed has no column."""

import argparse
import collections
import importlib.util
import pathlib
import subprocess
import sys

WANTED = """
TYPES = ("text/html", "application/xhtml+xml", "text/plain", "")
def wanted(kind, url, status, media_type):
    if kind == "conversion":
        return True
    is_web = (url or "").lower().startswith("http") or kind == "resource"
    is_text = (media_type or "").split(";")[0].strip().lower() in TYPES
    return is_web and not url.endswith("/robots.txt") and is_text and (kind == "resource" or kind == "response" and status == 200)
"""
PEERS = {
    "warcio": WANTED + """
import sys
from warcio.archiveiterator import ArchiveIterator
with open(sys.argv[1], "rb") as file:
    for record in ArchiveIterator(file, arc2warc=True):
        http, headers = record.http_headers, record.rec_headers
        status = int(http.get_statuscode()) if http and http.get_statuscode().isdigit() else 0
        media_type = http.get_header("Content-Type") if http else headers.get_header("Content-Type")
        url = headers.get_header("WARC-Target-URI") or ""
        record.content_stream().read()
        if wanted(record.rec_type, url, status, media_type):
            print(url, flush=True)
""",
    "fastwarc": WANTED + """
import sys
from fastwarc.warc import ArchiveIterator, WarcRecordType
with open(sys.argv[1], "rb") as file:
    for record in ArchiveIterator(file, parse_http=True):
        http, headers = record.http_headers, record.headers
        media_type = http.get("Content-Type") if http else headers.get("Content-Type")
        url = headers.get("WARC-Target-URI") or ""
        record.reader.read()
        kinds = [kind for kind in ("response", "resource", "conversion") if record.record_type == getattr(WarcRecordType, kind)]
        if kinds and wanted(kinds[0], url, http.status_code if http else 0, media_type):
            print(url, flush=True)
""",
}


def read(command, limit=60):
    """Addresses of the records, losses and whether reading ended early."""
    try:
        ran = subprocess.run(command, capture_output=True, timeout=limit)
    except subprocess.TimeoutExpired:
        return [], [f"no end after {limit} s"], True
    addresses = ran.stdout.decode("utf-8", "replace").splitlines()
    losses = ran.stderr.decode("utf-8", "replace").strip().splitlines()
    return addresses, losses, ran.returncode != 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--all", action="store_true", help="also files on which all agree")
    parser.add_argument("--losses", action="store_true", help="print each loss to standard error")
    parser.add_argument("folders", nargs="+", type=pathlib.Path)
    options = parser.parse_args()
    peers = {name: code for name, code in PEERS.items() if importlib.util.find_spec(name)}
    files = sorted(path for folder in options.folders for path in folder.iterdir() if {".warc", ".arc"} & set(path.suffixes))
    names = "".join(f" {name} |" for name in peers)
    print(f"| file | ours |{names} unseen |\n| --- | ---: |{' ---: |' * len(peers)} ---: |")
    totals, agreeing, empty = collections.Counter(), 0, collections.Counter()
    for path in files:
        ours, losses, failed = read([options.ours, "--list", str(path)])
        cells, unseen, agree, found, errors = [], 0, not losses and not failed, len(ours), []
        for name, code in peers.items():
            theirs, message, ended = read([sys.executable, "-c", code, str(path)])
            strange = collections.Counter(address.strip("<>") for address in theirs) - collections.Counter(ours)
            unseen = max(unseen, strange.total())
            agree = agree and not ended and len(theirs) == len(ours)
            cells.append(f" {len(theirs)}{' !' if ended else ''} |")
            totals[name] += len(theirs)
            found += len(theirs)
            errors += [name] * ended
            if options.losses and ended:
                print(f"{path.name}: {name}: {message[-1] if message else 'a signal'}", file=sys.stderr)
        totals["ours"] += len(ours)
        agreeing += agree
        if options.losses:
            print(*(f"{path.name}: {loss}" for loss in losses), sep="\n", end="\n" * bool(losses), file=sys.stderr)
        if not found and not agree and not options.all:
            empty.update(["files", *errors], ours=len(losses))
        elif options.all or not agree:
            ours_cell = f"{len(ours)}{' !' if failed else ''}" + (f", {len(losses)} lost" if losses else "")
            print(f"| {path.name} | {ours_cell} |{''.join(cells)} {unseen} |")
    if empty:
        print(f"| {empty['files']} without a record | 0, {empty['ours']} lost |{''.join(f' 0, {empty[name]} ! |' for name in peers)} 0 |")
    sums = "".join(f" {totals[name]} |" for name in peers)
    print(f"| all {len(files)} files, {agreeing} alike | {totals['ours']} |{sums} |")


if __name__ == "__main__":
    main()
