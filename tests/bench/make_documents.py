#!/usr/bin/env python3
"""Makes a folder of JSON lines with planted duplicates, to measure `medcorpus dedup` on as many documents as wanted.

    make_documents.py --documents 1000000 --out FOLDER                 ordinary documents, 2 kB each
    make_documents.py --documents 4000000 --sentences 3 --out FOLDER   short ones, 260 bytes each

A document is a row of made-up sentences. One in eight is out of a pool, so that unrelated documents share a sentence now
and then, as they do on the web; the others are its own, so that a larger folder has no larger share of duplicates. Of each hundred documents 80 are new, 8 copies of an earlier one, 10 an earlier one with one
sentence in ten replaced (with at least one kept), and 2 an earlier one with other numbers. The same numbers make the
same bytes, on every machine; the first N documents of a larger folder are those of a smaller one.
"""
import argparse
import json
import os
import random

SYLLABLES = [a + b for a in "b c d f g l m n p r s t v".split() for b in "a e i o u".split()]
POOL = 300_000
FILE_DOCUMENTS = 100_000


def sentences():
    """Made-up sentences without end."""
    draw = random.Random(1)
    words = ["".join(draw.choices(SYLLABLES, k=draw.randint(1, 4))) for _ in range(60_000)]
    # The commoner a word, the earlier it stands: 1 / rank, as in any language.
    weights, total = [], 0.0
    for rank in range(len(words)):
        total += 1 / (rank + 3)
        weights.append(total)
    while True:
        chosen = draw.choices(words, cum_weights=weights, k=draw.randint(8, 20))
        yield " ".join(chosen).capitalize() + "."


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--documents", type=int, required=True)
    parser.add_argument("--sentences", type=int, default=24, help="sentences of a document, on average")
    parser.add_argument("--out", required=True)
    options = parser.parse_args()
    os.makedirs(options.out, exist_ok=True)
    made = sentences()
    pool = [next(made) for _ in range(POOL)]
    draw = random.Random(2)
    least, most = max(1, options.sentences // 2), options.sentences * 3 // 2
    recent = []
    file = None

    def sentence():
        return pool[int(draw.random() * POOL)] if draw.random() < 1 / 8 else next(made)

    for number in range(options.documents):
        if number % FILE_DOCUMENTS == 0:
            if file:
                file.close()
            file = open(os.path.join(options.out, f"part-{number // FILE_DOCUMENTS:04}.jsonl"), "w", encoding="utf-8")
        kind = draw.random()
        if kind < 0.80 or not recent:
            text = [sentence() for _ in range(draw.randint(least, most))]
            # Later documents repeat these; a bounded number of them, spread over all that came before.
            if len(recent) < 20_000:
                recent.append(text)
            else:
                recent[int(draw.random() * len(recent))] = text
        else:
            text = list(recent[int(draw.random() * len(recent))])
            if kind < 0.88:
                pass
            elif kind < 0.98:
                for _ in range(max(1, len(text) // 10)):
                    text[int(draw.random() * len(text))] = sentence()
            else:
                text.append(f"Take {draw.randint(1, 900)} mg of it on {draw.randint(1, 28)} days, {draw.randint(2, 99)} times.")
        file.write(json.dumps({"id": f"d{number:08}", "text": " ".join(text)}) + "\n")
    if file:
        file.close()


if __name__ == "__main__":
    main()
