key=order-17 # one for each operation, chosen before the first try
while :; do
  rm -f answer.json || exit # of another order
  set -- $(curl -s -m 10 -o answer.json -w '%{http_code} %header{retry-after}' \
    -H 'user_id: alice' -H "idempotency-key: $key" -H 'content-type: application/json' \
    -d '{"amount":"10.50"}' http://127.0.0.1:3000/v1/deposit)
  case $1 in
    2*) jq -es '.[0].entry' answer.json && exit ;; # no entry: again
    408 | 429) ;;
    4*) echo "$1"; cat answer.json; exit 1 ;; # 401 of a token: get a new one, and run this again, under the same key
  esac
  case $2 in
    '' | 0) sleep 1 ;;
    0* | *[!0-9]*) sleep 60 ;; # a date, from a gateway
    ????*) sleep 3600 ;;
    *) sleep "$2" ;;
  esac
done
