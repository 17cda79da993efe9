"""The bank as a Flask expert would serve it: threads that wait for Redis, two processes.

gunicorn --workers 2 --worker-class gthread --threads 16 --keep-alive 75 flask_peer:app
"""

import os
from threading import Lock

import money
import redis
from flask import Flask, Response, request
from money import Problem
from redis.exceptions import ResponseError

store = redis.Redis.from_url(os.environ["REDIS_URL"])
swap = store.register_script(money.SWAP)
count_once = store.register_script(money.COUNT_ONCE)
# Threads of one worker do not compete for a wallet; only workers do.
locks = [Lock() for _ in range(1024)]
app = Flask(__name__)


def answer(body, status=200, media="application/json", replayed=False, caching="no-store"):
    response = Response(body, status, mimetype=media)
    response.headers["x-request-id"] = money.request_id(request.headers.get("x-request-id"))
    response.headers["x-content-type-options"] = "nosniff"
    response.headers["cache-control"] = caching
    if replayed:
        response.headers["idempotent-replayed"] = "true"
    return response


@app.errorhandler(Problem)
def problem(problem):
    identifier = money.request_id(request.headers.get("x-request-id"))
    response = answer(problem.body(identifier), problem.status, "application/problem+json")
    response.headers["x-request-id"] = identifier
    return response


def user():
    # WSGI does not distinguish user_id from user-id.
    return money.read_user(request.headers.get("user-id"), request.headers.get("x-user-id"))


@app.get("/healthz")
def healthz():
    return answer(b'{"status":"ok"}')


@app.get("/v1/bitcoins")
def bitcoins():
    return answer(money.show_bitcoins(store.get("bitcoins")))


@app.post("/v1/bitcoins")
def add_bitcoins():
    satoshis = money.read_satoshis(request.args.get("bitcoins"))
    key = money.read_key(request.headers.get("idempotency-key"))
    try:
        if key is None:
            return answer(money.show_bitcoins(store.incrby("bitcoins", satoshis)))
        counted = count_once(keys=["bitcoins", f"post:bitcoins:{key}"], args=[satoshis])
    except ResponseError:
        raise money.limit_exceeded() from None
    body, replayed = money.counted(satoshis, counted)
    return answer(body, replayed=replayed)


def carry_out(kind):
    headers = request.headers
    operation = money.read_operation(
        user(), kind, headers.get("idempotency-key"), headers.get("content-type"), request.get_data()
    )
    with locks[hash(operation.user) % len(locks)]:
        while True:
            plan = money.decide(*store.mget(operation.keys()), operation)
            if not plan.keys or swap(keys=plan.keys, args=plan.values):
                break
    return answer(money.show_operation(operation, plan.record), replayed=plan.replayed)


@app.post("/v1/deposit")
def deposit():
    return carry_out("deposit")


@app.post("/v1/withdraw")
def withdraw():
    return carry_out("withdrawal")


@app.get("/v1/wallet")
def wallet():
    name = user()
    return answer(money.show_wallet(name, store.get(f"wallet:{name}")))


@app.get("/v1/rates")
def rates():
    return answer(money.show_rates(store.get("rates")), caching="public, max-age=60")
