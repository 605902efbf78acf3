"""Runs MMedC's published filter over parquet files: published_filter.py FOLDER LIST_PREFIX WORD_BOUNDARIES OUT FILE...

FOLDER has its filter.py and keywords.py, which are not ours to ship; they are imported as they are. The script is made
for one language, with a comment where to put another: its names are set here from outside. For languages whose words are
not separated the published class holds its terms in a shape that its own matching cannot take, so they are flattened.
The last line of the output is JSON: documents and kept ones, of all files.
"""

import contextlib
import io
import json
import os
import re
import sys


def main():
    folder, prefix, boundaries, out, *files = sys.argv[1:]
    sys.path.insert(0, os.path.abspath(folder))
    sys.dont_write_bytecode = True
    import filter as published
    import keywords

    published.es_medical_words = getattr(keywords, f"{prefix}_medical_words")
    published.es_medical_biology_words = getattr(keywords, f"{prefix}_medical_biology_words")
    limits = published.THRESHOLD[prefix]
    published.HIT_TIMES_THRESHOLD = limits["HIT_TIMES_THRESHOLD"]
    published.HIT_RATIO_THRESHOLD = limits["HIT_RATIO_THRESHOLD"]
    published.SAVE_ROOT = os.path.abspath(out)
    run = published.MedicalTextFilter()
    if boundaries == "none":
        long_terms, short_terms = run.keywords
        run.keywords = long_terms + short_terms
        match = run.match_keywords
        run.match_keywords = lambda text: match(text, False)

    documents = kept = 0
    for file in map(os.path.abspath, files):
        # It cuts the path at its first dot to name its output, so it gets the bare name.
        os.chdir(os.path.dirname(file))
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            run.filter_file(os.path.basename(file))
        counts = re.search(r": (\d+)/(\d+)", said.getvalue())
        kept += int(counts[1])
        documents += int(counts[2])
    print(json.dumps({"documents": documents, "kept": kept}))


if __name__ == "__main__":
    main()
