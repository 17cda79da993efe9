"""The rules of money and their JSON, for both Python peers: the bank's contract, written for Redis.

No I/O. A wallet is one JSON document: balance, sequence number, hash, and its newest operations. Once it holds
eleven, the oldest eight entries go to a page and their idempotency keys to an index, in the same script that swaps
the wallet. Amounts are integers of 0.00000001: exact, and faster than Decimal.
"""

import hashlib
import json
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

import orjson

UNIT = 10**8
LARGEST = 10**15 * UNIT - 1
MOST_SATOSHIS = 21_000_000 * UNIT
LOG_LENGTH = 11
PAGE_ENTRIES = 8
ZERO_HASH = "0" * 64

# KEYS: the wallet, then the other documents. ARGV: the wallet as it was read, then the values.
SWAP = """
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return 0 end
for i = 1, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1]) end
return 1"""

# KEYS: the counter, the post. ARGV: how much. For a known post it returns the recorded outcome.
COUNT_ONCE = """
local known = redis.call('GET', KEYS[2])
if known then return {1, known} end
redis.call('INCRBY', KEYS[1], ARGV[1])
local made = ARGV[1] .. ' ' .. redis.call('GET', KEYS[1])
redis.call('SET', KEYS[2], made)
return {0, made}"""

_amount = re.compile(r"(0|[1-9][0-9]{0,14})(?:\.([0-9]{1,8}))?").fullmatch
_user = re.compile(r"[A-Za-z0-9._~@+|:/=-]{1,128}").fullmatch
_key = re.compile(r"[!-~]{1,255}").fullmatch
_request_id = re.compile(r"[A-Za-z0-9._-]{1,128}").fullmatch
# Numbers stay text: an amount is never a float.
_decode = json.JSONDecoder(parse_float=str, parse_int=str).decode


class Problem(Exception):
    """An answer of RFC 9457 instead of the result."""

    def __init__(self, status, code, detail, **members):
        self.status, self.code, self.detail, self.members = status, code, detail, members

    def body(self, request_id):
        code = self.code
        title = code.replace("-", " ").capitalize()
        problem = {"type": f"/problems/{code}", "title": title, "status": self.status}
        problem |= {"detail": self.detail, "code": code, "request_id": request_id}
        return orjson.dumps(problem | self.members)


@dataclass(slots=True)
class Operation:
    """A request to move money."""

    user: str
    kind: str
    units: int
    id: str
    keyed: bool

    def keys(self):
        """The keys that are read to decide it."""
        return [f"wallet:{self.user}", f"operation:{self.user}:{self.id}"]


@dataclass(slots=True)
class Plan:
    """The answer, and the values to store before it is given."""

    record: dict
    replayed: bool
    keys: list
    values: list


def parse_amount(text):
    match = _amount(text) if isinstance(text, str) else None
    units = int(match[1]) * UNIT + int((match[2] or "0").ljust(8, "0")) if match else 0
    if units == 0:
        raise Problem(400, "invalid-amount", "An amount is a positive decimal of at most 8 places.")
    return units


def show(units):
    whole, rest = divmod(units, UNIT)
    digits = f"{rest:08d}".rstrip("0")
    return f"{whole}.{digits:0<2}"


def read_body(body):
    if len(body) > 4096:
        raise Problem(413, "payload-too-large", "A body has at most 4096 bytes.")
    try:
        document = _decode(body.decode())
    except ValueError:
        document = None
    if not isinstance(document, dict) or document.keys() != {"amount"}:
        raise Problem(400, "malformed-request", 'The body is {"amount":"10.50"}.')
    return parse_amount(document["amount"])


def read_user(*named):
    names = {name for name in named if name is not None}
    if len(names) != 1 or not _user(name := names.pop()):
        code = "invalid-identity" if names or any(named) else "missing-identity"
        raise Problem(401, code, "Say who you are in the header user_id.")
    return name


def read_key(header):
    if header is None:
        return None
    key = header[1:-1] if len(header) > 2 and header[0] == header[-1] == '"' else header
    if not _key(key):
        raise Problem(400, "invalid-idempotency-key", "A key is 1 to 255 visible characters.")
    return key


def read_operation(user, kind, key, content_type, body):
    if not (content_type or "").startswith("application/json"):
        raise Problem(415, "unsupported-media-type", "The body is application/json.")
    key = read_key(key)
    return Operation(user, kind, read_body(body), key or uuid.uuid4().hex, key is not None)


def request_id(header):
    return header if header and _request_id(header) else uuid.uuid4().hex


def now():
    return datetime.now(UTC).isoformat(timespec="milliseconds")[:-6] + "Z"


def decide(stored, indexed, operation):
    """What `operation` becomes in the wallet as it was read, and what must be stored."""
    wallet = orjson.loads(stored) if stored else {"balance": 0, "seq": 0, "hash": ZERO_HASH, "log": []}
    known = orjson.loads(indexed) if indexed else None
    for record in wallet["log"]:
        if record["id"] == operation.id:
            known = record
    if known is not None:
        if (known["kind"], known["units"]) != (operation.kind, operation.units):
            raise Problem(422, "idempotency-key-reuse", "The key was used for another request.")
        return Plan(known, True, [], [])
    keys, values = [f"wallet:{operation.user}"], [stored or b""]
    sealed = seal(wallet, operation.user)
    record = post(wallet, operation)
    if "refused" in record and not operation.keyed:
        return Plan(record, False, [], [])
    wallet["log"].append(record)
    values.append(orjson.dumps(wallet))
    for key, value in sealed:
        keys.append(key)
        values.append(value)
    return Plan(record, False, keys, values)


def post(wallet, operation):
    """The next entry, or the refusal."""
    delta = operation.units if operation.kind == "deposit" else -operation.units
    balance = wallet["balance"] + delta
    record = {"id": operation.id, "kind": operation.kind, "units": operation.units}
    if balance < 0:
        return record | {"refused": "insufficient-funds", "balance": show(wallet["balance"])}
    if balance > LARGEST:
        return record | {"refused": "limit-exceeded", "balance": show(wallet["balance"])}
    seq, at = wallet["seq"] + 1, now()
    amount, shown = show(operation.units), show(balance)
    text = f"{wallet['hash']}\n{seq}\n{operation.id}\n{operation.kind}\n{amount}\n{shown}\n{at}"
    chain = hashlib.sha256(text.encode()).hexdigest()
    wallet["balance"], wallet["seq"], wallet["hash"] = balance, seq, chain
    return record | {"seq": seq, "amount": amount, "balance": shown, "at": at, "hash": chain}


def seal(wallet, user):
    """Moves the oldest entries out of a full wallet."""
    log = wallet["log"]
    if len(log) < LOG_LENGTH:
        return []
    sealed, wallet["log"] = log[:PAGE_ENTRIES], log[PAGE_ENTRIES:]
    last = next((record["seq"] for record in reversed(sealed) if "seq" in record), wallet["seq"])
    kept = [(f"operation:{user}:{record['id']}", orjson.dumps(record)) for record in sealed]
    return [(f"page:{user}:{last}", orjson.dumps(sealed)), *kept]


def show_operation(operation, record):
    if "refused" in record:
        amount, balance = show(record["units"]), record["balance"]
        detail = f"The balance is {balance}; {amount} was asked for."
        raise Problem(422, record["refused"], detail, balance=balance, amount=amount)
    names = ("seq", "id", "kind", "amount", "balance", "at", "hash")
    entry = {name: record[name] for name in names}
    return orjson.dumps({"user": operation.user, "balance": record["balance"], "entry": entry})


def show_wallet(user, stored):
    wallet = orjson.loads(stored) if stored else {"balance": 0, "seq": 0, "hash": ZERO_HASH}
    shown = {"user": user, "balance": show(wallet["balance"]), "seq": wallet["seq"], "hash": wallet["hash"]}
    return orjson.dumps(shown)


def read_satoshis(text):
    if text is None:
        raise Problem(400, "malformed-request", "The query parameter bitcoins is missing.")
    satoshis = parse_amount(text)
    if satoshis > MOST_SATOSHIS:
        raise Problem(400, "invalid-amount", "At most 21000000 bitcoins at a time.")
    return satoshis


def show_bitcoins(satoshis):
    whole, rest = divmod(int(satoshis or 0), UNIT)
    number = f"{whole}.{rest:08d}".rstrip("0").rstrip(".")
    return b'{"bitcoins":%s}' % number.encode()


def counted(satoshis, answer):
    """Reads the answer of COUNT_ONCE: the total, and whether the post was known."""
    by, total = answer[1].split()
    if int(by) != satoshis:
        raise Problem(422, "idempotency-key-reuse", "The key was used for another request.")
    return show_bitcoins(total), answer[0] == 1


def limit_exceeded():
    return Problem(422, "limit-exceeded", "The total would pass its limit.")


def show_rates(stored):
    """Reads the rates that a job keeps in Redis: their time, and the rates as JSON."""
    if stored is None:
        raise Problem(503, "rates-unavailable", "There are no rates yet.")
    as_of, rates = stored.split(b"\n", 1)
    since = datetime.fromisoformat(as_of.decode())
    age = int((datetime.now(UTC) - since).total_seconds())
    head = b'{"base":"btc","as_of":"%s","age_seconds":%d,"stale":%s,"rates":'
    return head % (as_of, age, b"false" if age < 3600 else b"true") + rates + b"}"
