# `helm test`: a deposit, its replay, an overdraft refused, readiness; over the Service at BANK_URL.
set -eu

user="helm-test-$(date +%s)-$$"

# expect WHAT STATUS TEXT CURL-ARGUMENTS…: the answer has that status, and its head or body that text.
expect() {
  what=$1 status=$2 text=$3
  shift 3
  answer=$(curl --silent --show-error --include --max-time 10 "$@" | tr -d '\r')
  case $answer in
    "HTTP/1.1 $status"*"$text"*) echo "ok: $what" ;;
    *) echo "not ok: $what: expected $status with $text, got:"; echo "$answer"; exit 1 ;;
  esac
}

money() {
  what=$1 status=$2 text=$3 path=$4 key=$5 amount=$6
  expect "$what" "$status" "$text" "$BANK_URL$path" -H "user-id: $user" -H "idempotency-key: $key" \
    -H 'content-type: application/json' -d "{\"amount\":\"$amount\"}"
}

expect 'it is ready' 200 '"status":"ready"' "$BANK_URL/readyz"
money 'a deposit' 200 '"balance":"10.50"' /v1/deposit deposit 10.50
money 'its replay' 200 'idempotent-replayed: true' /v1/deposit deposit 10.50
money 'an overdraft is refused' 422 '"code":"insufficient-funds"' /v1/withdraw overdraw 10.51
expect 'the balance is as it was' 200 '"balance":"10.50"' "$BANK_URL/v1/wallet" -H "user-id: $user"
