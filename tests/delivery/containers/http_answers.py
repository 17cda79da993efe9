"""Requests, for the tests of this folder."""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass


@dataclass
class Answer:
    """An answer; status 0 means none."""

    status: int
    body: dict


def answer(url: str, body: dict | bytes | None = None, headers: dict[str, str] | None = None) -> Answer:
    """Sends a body as JSON or as a form, or without one a GET."""
    form = body is None or isinstance(body, bytes)
    data, kind = (body, "application/x-www-form-urlencoded") if form else (json.dumps(body).encode(), "application/json")
    request = urllib.request.Request(url, data, {"content-type": kind} | (headers or {}))
    try:
        with urllib.request.urlopen(request, timeout=10) as said:
            return Answer(said.status, json.load(said))
    except urllib.error.HTTPError as refused:
        return Answer(refused.code, json.load(refused))
    except (OSError, ValueError):
        return Answer(0, {})


def read(url: str) -> str:
    """The text of a page, after redirects; cookies are kept on the way."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    with opener.open(url, timeout=10) as said:
        return said.read().decode()


def eventually(holds: Callable[[], bool], seconds: int = 60) -> None:
    """Waits until the condition holds."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never was so"
        time.sleep(0.1)
