import http.client, json, time, urllib.error, urllib.request

key = "order-17"  # one for each operation, chosen before the first try
headers = {"user_id": "alice", "idempotency-key": key, "content-type": "application/json"}
request = urllib.request.Request("http://127.0.0.1:3000/v1/deposit", b'{"amount":"10.50"}', headers)
while True:
    after = "1"
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            print(dict(json.load(answer)["entry"]))
            break
    except urllib.error.HTTPError as error:
        if 400 <= error.code < 500 and error.code not in (408, 429):
            # 401 of a token: get a new one, and run this again, under the same key.
            raise SystemExit(f"{error.code} {error.read(10_000).decode()}")
        after = error.headers.get("retry-after", "1")
    except (OSError, http.client.HTTPException, ValueError, TypeError, LookupError):
        pass  # no answer, cut, no JSON or no entry: again
    time.sleep(min(max(float(after), 1), 3600) if after.isdecimal() else 60)  # a date, from a gateway
