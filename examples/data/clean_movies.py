#!/usr/bin/env python3
"""Turn vega-datasets' movies.json into examples/data/movies.json.

    python3 clean_movies.py path/to/package/data/movies.json

Standard library only, deterministic; prints what it changed and the null
counts quoted in README.md, where each decision is explained.
"""
import hashlib
import json
import re
import sys
from collections import Counter
from datetime import datetime
from pathlib import Path

# The rules below were checked against this exact file (vega-datasets 3.2.1).
SHA256 = "e63c499759e3b07b49563e036f55290f87feb56def8703ec049ca305ab1523d3"
LAST_REAL_YEAR = 2012  # grosses stop in 2010; the latest plausible date is Dec 2011

changes = Counter()


def text(value, placeholder=None):
    """A string or None; one named placeholder string also becomes None."""
    if value == placeholder and value is not None:
        changes[f"placeholder {placeholder!r} -> null"] += 1
        return None
    assert value is None or (isinstance(value, str) and value.strip() == value != ""), value
    return value


def title(value):
    if value is None:
        changes["null title -> (untitled)"] += 1
        return "(untitled)"
    if not isinstance(value, str):  # "300", "1941": numbers in the source
        changes["numeric title -> string"] += 1
        return str(value)
    # Accents were read as Mac Roman when the bytes were Windows-1252 ("LÈon"
    # for "Léon"). ASCII survives the round trip; "Alien³", already right, is
    # not encodable in Mac Roman and so stays as it is.
    try:
        repaired = value.encode("mac_roman").decode("cp1252")
    except UnicodeEncodeError:
        return value
    if repaired != value:
        changes["title accents repaired"] += 1
    return repaired


def date(value):
    assert re.fullmatch(r"[A-Z][a-z]{2} \d\d \d{4}", value), value
    # The Unix epoch seen from a US time zone: the date was missing.
    if value == "Dec 31 1969":
        changes["released: Unix-epoch placeholder -> null"] += 1
        return None
    day = datetime.strptime(value, "%b %d %Y").date()
    # A two-digit year expanded into the wrong century ("Wings", Aug 12 2027).
    if day.year > LAST_REAL_YEAR:
        changes["released: future year, minus 100"] += 1
        day = day.replace(year=day.year - 100)
    return day.isoformat()


def integer(value, low=0, high=None):
    assert value is None or type(value) is int, value
    assert value is None or (value >= low and (high is None or value <= high)), value
    return value


def clean(number, row):
    us, world = integer(row["US Gross"]), integer(row["Worldwide Gross"])
    # 0 worldwide means "no figure" ("12 Angry Men"). A US 0 beside a positive
    # worldwide gross may be a film never shown in the US: kept.
    if world == 0:
        assert us == 0
        changes["both grosses 0 -> null"] += 1
        us = world = None
    elif us == 0:
        changes["us_gross 0 kept (worldwide_gross > 0)"] += 1
    rating = row["IMDB Rating"]
    assert rating is None or 0 <= rating <= 10, rating
    return {
        "id": number,
        "title": title(row["Title"]),
        "released": date(row["Release Date"]),
        "rating": text(row["MPAA Rating"], "Open"),  # not an MPAA rating
        "genre": text(row["Major Genre"]),
        "creative_type": text(row["Creative Type"]),
        "source": text(row["Source"]),
        "director": text(row["Director"]),
        "distributor": text(row["Distributor"], "Distributor Unknown"),
        "us_gross": us,
        "worldwide_gross": world,
        "budget": integer(row["Production Budget"], 1),
        "runtime": integer(row["Running Time min"], 1),
        "rotten_tomatoes": integer(row["Rotten Tomatoes Rating"], 0, 100),
        "imdb_rating": None if rating is None else float(rating),
        "imdb_votes": integer(row["IMDB Votes"], 1),
    }


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    raw = Path(sys.argv[1]).read_bytes()
    if hashlib.sha256(raw).hexdigest() != SHA256:
        sys.exit("not the movies.json of vega-datasets 3.2.1 (SHA-256 differs)")
    movies = [clean(n, row) for n, row in enumerate(json.loads(raw), 1)]

    # One object per line, so that diffs are readable.
    lines = ",\n".join(json.dumps(m, ensure_ascii=False) for m in movies)
    out = Path(__file__).with_name("movies.json")
    out.write_bytes(f"[\n{lines}\n]\n".encode("utf-8"))

    print(f"{len(movies)} rows, {out.stat().st_size} bytes")
    for what, count in sorted(changes.items()):
        print(f"  {count:5} {what}")
    print("nulls per column")
    for key in movies[0]:
        print(f"  {sum(m[key] is None for m in movies):5} {key}")


if __name__ == "__main__":
    main()
