key=order-17 # one for each operation, chosen before the first try
while :; do
  set -- $(curl -s -m 10 -o answer.json -w '%{http_code} %header{retry-after}' \
    -H 'user_id: alice' -H "idempotency-key: $key" -H 'content-type: application/json' \
    -d '{"amount":"10.50"}' http://127.0.0.1:3000/v1/deposit)
  case $1 in
    2*) jq -e .entry answer.json && exit ;; # a body that is cut, or no JSON, ends nothing
    408 | 429) ;;
    4*) cat answer.json; exit 1 ;;
  esac
  sleep "${2:-1}" || sleep 60 # a date, from a gateway
done
