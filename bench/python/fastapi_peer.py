"""The bank as a FastAPI expert would serve it: raw requests and orjson instead of models, uvloop and
httptools, a pool of Redis connections with hiredis, two workers.

uvicorn --workers 2 --loop uvloop --http httptools --no-access-log fastapi_peer:app
"""

import asyncio
import os
from contextlib import asynccontextmanager

import money
import redis.asyncio as redis
from fastapi import FastAPI, Request, Response
from money import Problem
from redis.exceptions import ResponseError

pool = redis.ConnectionPool.from_url(os.environ["REDIS_URL"])
store = redis.Redis(connection_pool=pool)
swap = store.register_script(money.SWAP)
count_once = store.register_script(money.COUNT_ONCE)
# Requests of one worker do not compete for a wallet; only workers do.
locks = [asyncio.Lock() for _ in range(1024)]


@asynccontextmanager
async def lifespan(_app):
    yield
    await store.aclose()


app = FastAPI(lifespan=lifespan, openapi_url=None)


def answer(request, body, status=200, media="application/json", **headers):
    headers["x-request-id"] = money.request_id(request.headers.get("x-request-id"))
    headers["x-content-type-options"] = "nosniff"
    headers.setdefault("cache-control", "no-store")
    return Response(body, status, headers, media)


@app.exception_handler(Problem)
async def problem(request, problem):
    identifier = money.request_id(request.headers.get("x-request-id"))
    response = answer(request, problem.body(identifier), problem.status, "application/problem+json")
    response.headers["x-request-id"] = identifier
    return response


def user(request):
    headers = request.headers
    return money.read_user(headers.get("user_id"), headers.get("user-id"), headers.get("x-user-id"))


@app.get("/healthz")
async def healthz(request: Request):
    return answer(request, b'{"status":"ok"}')


@app.get("/v1/bitcoins")
async def bitcoins(request: Request):
    return answer(request, money.show_bitcoins(await store.get("bitcoins")))


@app.post("/v1/bitcoins")
async def add_bitcoins(request: Request):
    satoshis = money.read_satoshis(request.query_params.get("bitcoins"))
    key = money.read_key(request.headers.get("idempotency-key"))
    try:
        if key is None:
            return answer(request, money.show_bitcoins(await store.incrby("bitcoins", satoshis)))
        counted = await count_once(keys=["bitcoins", f"post:bitcoins:{key}"], args=[satoshis])
    except ResponseError:
        raise money.limit_exceeded() from None
    body, replayed = money.counted(satoshis, counted)
    return answer(request, body, **({"idempotent-replayed": "true"} if replayed else {}))


async def carry_out(request, kind):
    headers = request.headers
    operation = money.read_operation(
        user(request),
        kind,
        headers.get("idempotency-key"),
        headers.get("content-type"),
        await request.body(),
    )
    async with locks[hash(operation.user) % len(locks)]:
        while True:
            plan = money.decide(*await store.mget(operation.keys()), operation)
            if not plan.keys or await swap(keys=plan.keys, args=plan.values):
                break
    body = money.show_operation(operation, plan.record)
    return answer(request, body, **({"idempotent-replayed": "true"} if plan.replayed else {}))


@app.post("/v1/deposit")
async def deposit(request: Request):
    return await carry_out(request, "deposit")


@app.post("/v1/withdraw")
async def withdraw(request: Request):
    return await carry_out(request, "withdrawal")


@app.get("/v1/wallet")
async def wallet(request: Request):
    name = user(request)
    return answer(request, money.show_wallet(name, await store.get(f"wallet:{name}")))


@app.get("/v1/rates")
async def rates(request: Request):
    body = money.show_rates(await store.get("rates"))
    return answer(request, body, **{"cache-control": "public, max-age=60"})
