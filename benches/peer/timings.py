"""The other side of G11: redis-om-python, which times itself.

Usage: timings.py redis://host:port

Each line on standard input is a request, each line on standard output its answer, both JSON.
Times are in nanoseconds, of the operations alone: requests are read, and models made, before the
clock runs.
"""

import json
import sys
import time

from redis_om import Field, JsonModel, Migrator, get_redis_connection

PAGE = 20
PUTS_AT_ONCE = 500

database = get_redis_connection(url=sys.argv[1])


class User(JsonModel, index=True):
    id: str = Field(primary_key=True)
    bio: str = Field(index=True, full_text_search=True)
    tags: list[str] = Field(index=True)
    city: str = Field(index=True)
    age: int = Field(index=True, sortable=True)
    joined: int = Field(index=True, sortable=True)

    class Meta:
        database = database
        global_key_prefix = "redis-om"


def load(request):
    users = [User(**user) for user in request["users"]]
    pipeline = database.pipeline(transaction=False)
    User.add(users, pipeline=pipeline)
    pipeline.execute()
    return {}


def get(request):
    ids = request["ids"]
    begun = time.perf_counter_ns()
    for id in ids:
        user = User.get(id)
    return {"nanos": time.perf_counter_ns() - begun, "last": user.model_dump(exclude={"pk"})}


def condition(find):
    if "tag" in find:
        return User.tags << [find["tag"]]
    return (User.city == find["city"]) & (User.age >= find["from"]) & (User.age < find["to"])


def find(request):
    last = []
    begun = time.perf_counter_ns()
    for asked in request["finds"]:
        query = User.find(condition(asked))
        if request["sorted"]:
            query = query.sort_by("-joined")
        last = query.page(0, PAGE)
    return {"nanos": time.perf_counter_ns() - begun, "last": [int(user.id) for user in last]}


def save(request):
    users = [User(**user) for user in request["users"]]
    begun = time.perf_counter_ns()
    for user in users:
        user.save()
    return {"nanos": time.perf_counter_ns() - begun}


def main():
    Migrator().run()
    operations = {"load": load, "get": get, "find": find, "save": save}
    for line in sys.stdin:
        request = json.loads(line)
        answer = operations[request["do"]](request)
        print(json.dumps(answer), flush=True)


main()
