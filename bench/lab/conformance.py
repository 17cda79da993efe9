"""Checks that every contestant does the same work: money once per idempotency key, refused without funds, chained, counted."""

import hashlib
import http.client
import json
import uuid


class NotTheSameWork(Exception):
    """A contestant answers differently from the contract."""


def check(port, name):
    """Sends one server every request of the scenarios, and more."""
    asks = Asker(port, name)
    asks.expect(asks.get("/healthz"), 200, {"status": "ok"})
    deposits(asks)
    counter(asks)
    status, rates, _ = asks.get("/v1/rates")
    asks.that(status == 200 and rates["base"] == "btc", "rates are there")
    asks.that(rates["rates"]["usd"]["value"] == "67187.3358936566", "a rate has all its digits")


def deposits(asks):
    user = f"check-{uuid.uuid4().hex[:8]}"
    asks.expect(asks.get("/v1/wallet", user), 200, {"balance": "0.00", "seq": 0, "hash": "0" * 64})
    hashes, balance, first = "0" * 64, 0, None
    for number in range(1, 31):
        key = f"key-{number}"
        status, answer, _ = asks.move("deposit", user, '"0.10"', key)
        balance += 10
        entry = answer["entry"]
        shown = f"{balance // 100}.{balance % 100:02}"
        expected = {"seq": number, "id": key, "kind": "deposit", "amount": "0.10", "balance": shown}
        asks.that(status == 200 and expected.items() <= entry.items(), f"deposit {number} is an entry")
        lines = [hashes, number, key, "deposit", "0.10", shown, entry["at"]]
        hashes = hashlib.sha256("\n".join(map(str, lines)).encode()).hexdigest()
        asks.that(entry["hash"] == hashes, f"entry {number} is chained to the one before")
        first = first or answer
    for key in ("key-1", '"key-1"'):
        status, answer, headers = asks.move("deposit", user, "0.1", key)
        asks.that(status == 200 and answer == first, "a key is answered again as it was")
        asks.that(headers.get("idempotent-replayed") == "true", "an answer that is given again says so")
    reused = asks.move("deposit", user, '"0.2"', "key-1")
    asks.expect(reused, 422, {"code": "idempotency-key-reuse"})
    refused = asks.move("withdraw", user, '"3.01"', "too-much")
    asks.expect(refused, 422, {"code": "insufficient-funds", "balance": "3.00", "amount": "3.01"})
    asks.expect(asks.move("withdraw", user, '"0.00000001"'), 200, {"balance": "2.99999999"})
    asks.expect(asks.move("withdraw", user, '"3.01"', "too-much"), 422, {"balance": "3.00"})
    asks.expect(asks.get("/v1/wallet", user), 200, {"user": user, "balance": "2.99999999", "seq": 31})
    for amount in ('"1e2"', '"-1"', '"0.00"', '"1.000000001"', "true"):
        asks.expect(asks.move("deposit", user, amount), 400, {"code": "invalid-amount"})
    asks.expect(asks.get("/v1/wallet"), 401, {"code": "missing-identity"})


def counter(asks):
    _, before, _ = asks.get("/v1/bitcoins")
    key = uuid.uuid4().hex
    for _ in range(2):
        status, after, _ = asks.ask("POST", "/v1/bitcoins?bitcoins=0.5", {"idempotency-key": key})
        asks.that(status == 200 and after["bitcoins"] - before["bitcoins"] == 0.5, "a keyed post counts once")
    status, after, _ = asks.ask("POST", "/v1/bitcoins?bitcoins=0.25")
    asks.that(after["bitcoins"] - before["bitcoins"] == 0.75, "a post counts")
    asks.expect(asks.ask("POST", "/v1/bitcoins?bitcoins=x"), 400, {"code": "invalid-amount"})


class Asker:
    """Sends requests to one server."""

    def __init__(self, port, name):
        self.port, self.name = port, name

    def ask(self, method, path, headers=None, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        text = answer.read().decode()
        common = {"x-request-id", "x-content-type-options", "cache-control", "content-length"}
        headers = {name.lower(): value for name, value in answer.getheaders()}
        self.that(common <= headers.keys(), f"{method} {path} carries the common headers: {headers}")
        connection.close()
        return answer.status, json.loads(text), headers

    def get(self, path, user=None):
        return self.ask("GET", path, {"user_id": user} if user else None)

    def move(self, kind, user, amount, key=None):
        headers = {"user_id": user, "content-type": "application/json"}
        headers |= {"idempotency-key": key} if key else {}
        return self.ask("POST", f"/v1/{kind}", headers, f'{{"amount":{amount}}}')

    def expect(self, answer, status, members):
        fits = answer[0] == status and members.items() <= answer[1].items()
        self.that(fits, f"{status} {members} and not {answer[0]} {answer[1]}")

    def that(self, holds, sentence):
        if not holds:
            raise NotTheSameWork(f"{self.name}: it does not hold that {sentence}")
