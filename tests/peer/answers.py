"""redis-om-python's own answers to the questions of tests/tests/peer.rs.

Usage: answers.py redis://host:port prefix

Standard input is one JSON object: `objects` to save, and `asked`, a list of questions. Standard
output is a list with one answer for each: `{"ids": [..]}`, or `{"error": ".."}` where redis-om
or the server refused.

A question is `{"filter", "sort", "page"}`, each of which may be null. A filter is one of
`["and", f, f]`, `["or", f, f]`, `["not", f]` and `[operator, field, value]`.
"""

import json
import operator
import sys
from typing import Optional

from redis_om import Field, JsonModel, Migrator, get_redis_connection

url, prefix = sys.argv[1:]
database = get_redis_connection(url=url)


class Thing(JsonModel, index=True):
    id: str = Field(primary_key=True)
    seq: int = Field(index=True, sortable=True)
    name: Optional[str] = Field(index=True, case_sensitive=True)
    word: str = Field(index=True)
    n: Optional[int] = Field(index=True, sortable=True)
    x: float = Field(index=True, sortable=True)
    ok: bool = Field(index=True)
    tags: list[str] = Field(index=True)
    text: str = Field(index=True, full_text_search=True)

    class Meta:
        database = database
        global_key_prefix = prefix


class Both(JsonModel, index=True):
    """A field that is case-sensitive and sortable."""

    id: str = Field(primary_key=True)
    name: str = Field(index=True, case_sensitive=True, sortable=True)

    class Meta:
        database = database
        global_key_prefix = prefix


def method(name):
    return lambda field, value: getattr(field, name)(value)


CONDITIONS = {
    "eq": operator.eq,
    "ne": operator.ne,
    "lt": operator.lt,
    "le": operator.le,
    "gt": operator.gt,
    "ge": operator.ge,
    "in": operator.lshift,
    "not in": operator.rshift,
    "like": operator.mod,
    "starts": method("startswith"),
    "ends": method("endswith"),
    "contains": method("contains"),
}


def expression(asked):
    match asked:
        case ["and", left, right]:
            return expression(left) & expression(right)
        case ["or", left, right]:
            return expression(left) | expression(right)
        case ["not", of]:
            return ~expression(of)
        case [name, field, value]:
            return CONDITIONS[name](getattr(Thing, field), value)


def ids(asked):
    if asked.get("both"):
        return [both.id for both in Both.find(Both.name == asked["both"]).all()]
    if asked.get("expire"):
        id, seconds = asked["expire"]
        Thing.get(id).expire(seconds)
        return []
    filter = asked["filter"]
    query = Thing.find(expression(filter)) if filter else Thing.find()
    if asked["sort"]:
        query = query.sort_by(*asked["sort"])
    query = query.only("id")
    found = query.page(*asked["page"]) if asked["page"] else query.all()
    return [thing.id for thing in found]


def answer(asked):
    try:
        return {"ids": ids(asked)}
    except Exception as refused:
        return {"error": f"{type(refused).__name__}: {refused}"}


def main():
    given = json.load(sys.stdin)
    Migrator().run()
    pipeline = database.pipeline(transaction=False)
    Thing.add([Thing(**thing) for thing in given["objects"]], pipeline=pipeline)
    pipeline.execute()
    json.dump([answer(asked) for asked in given["asked"]], sys.stdout)


main()
