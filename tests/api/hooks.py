"""Rules of the contract for requests that JSON Schema cannot express.

Only requests that schemathesis means to be valid are changed; invalid ones are sent as they are.
"""

import json
import re

import schemathesis

# The headers that may name the user; two of them must not differ.
USER_HEADERS = ("user_id", "user-id", "x-user-id")
# The bank judges a number in a body by its characters: no exponent, at most 8 places.
AMOUNT = re.compile(r"(0|[1-9][0-9]{0,14})(\.[0-9]{1,8})?")


@schemathesis.hook
def before_call(context, case, kwargs):
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    named = [name for name in USER_HEADERS if name in (case.headers or {})]
    for name in named[1:]:
        case.headers[name] = case.headers[named[0]]
    amount = case.body.get("amount") if isinstance(case.body, dict) else None
    if isinstance(amount, float) and not AMOUNT.fullmatch(json.dumps(amount)):
        case.body["amount"] = max(0.0001, round(amount % 1000, 4))
