import http.client, json, time, urllib.error, urllib.request

key = "order-17"  # one for each operation, chosen before the first try
headers = {"user_id": "alice", "idempotency-key": key, "content-type": "application/json"}
request = urllib.request.Request("http://127.0.0.1:3000/v1/deposit", b'{"amount":"10.50"}', headers)
while True:
    after = "1"
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            print(json.load(answer)["entry"])
            break
    except urllib.error.HTTPError as error:
        if 400 <= error.code < 500 and error.code not in (408, 429):
            raise SystemExit(error.read().decode())
        after = error.headers.get("retry-after", "1")
    except (OSError, http.client.HTTPException, ValueError):
        pass  # no answer, or one that is cut or no JSON: that ends nothing
    time.sleep(int(after) if after.isdigit() else 60)  # a date, from a gateway
