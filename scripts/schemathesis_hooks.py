"""What Schemathesis cannot do by itself: see fuzz-api."""

import json

import schemathesis


@schemathesis.serializer("application/jsonl")
def lines(_, body):
    """Write a body of JSON lines: a text as it is, a list by the line, else one line."""
    if isinstance(body, bytes):
        return {"data": body}
    if isinstance(body, str):
        return {"data": body.encode(errors="ignore")}
    values = body if isinstance(body, list) else [body]
    return {"data": "".join(json.dumps(value, default=str) + "\n" for value in values).encode()}
