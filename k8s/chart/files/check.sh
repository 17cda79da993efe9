# `helm test` checks readiness, a deposit, its replay, and that an overdraft is refused, at the Service (BANK_URL). If CONTROLLER is set, it
# also checks a deposit and the redirect at PUBLIC_URL, through that ingress controller.
# AUTH: header; jwt: the test has no token, and checks that requests without one are refused; gateway: a gateway identifies the user, so
# through CONTROLLER it only checks readiness.
# SKIP_VERIFICATION: accept any certificate at PUBLIC_URL. BANK_CA: the authority that is trusted at BANK_URL.
set -eu

curl() {
  case "${BANK_CA:+$*}" in
    *"$BANK_URL"/*) command curl --cacert "$BANK_CA" "$@" ;;
    *) command curl ${SKIP_VERIFICATION:+--insecure} "$@" ;;
  esac
}
# Not by the process number: in a container's arguments Kubernetes replaces two dollar signs by one.
read -r run </proc/sys/kernel/random/uuid
user="helm-test-$run"

# expect WHAT STATUS TEXT CURL-ARGUMENTS…: the answer has that status, and its head or body that text.
expect() {
  what=$1 status=$2 text=$3
  shift 3
  answer=$(curl --silent --show-error --include --max-time 10 "$@" | tr -d '\r')
  case $answer in
    "HTTP/1.1 $status"*"$text"* | "HTTP/2 $status"*"$text"*) echo "ok: $what" ;;
    *) echo "not ok: $what: expected $status with $text, got:"; echo "$answer"; exit 1 ;;
  esac
}

money() {
  what=$1 status=$2 text=$3 url=$4 key=$5 amount=$6
  shift 6
  expect "$what" "$status" "$text" "$url" "$@" -H "user-id: $user" -H "idempotency-key: $key" \
    -H 'content-type: application/json' -d "{\"amount\":\"$amount\"}"
}

expect 'it is ready' 200 '"status":"ready"' "$BANK_URL/readyz"
if [ "${AUTH:-header}" = jwt ]; then
  money 'a deposit without a token is refused' 401 'www-authenticate: Bearer' "$BANK_URL/v1/deposit" deposit 10.50
  expect 'a wallet is not shown without a token' 401 '"code":"missing-identity"' "$BANK_URL/v1/wallet"
else
  money 'a deposit' 200 '"balance":"10.50"' "$BANK_URL/v1/deposit" deposit 10.50
  money 'its replay' 200 'idempotent-replayed: true' "$BANK_URL/v1/deposit" deposit 10.50
  money 'an overdraft is refused' 422 '"code":"insufficient-funds"' "$BANK_URL/v1/withdraw" overdraw 10.51
  expect 'the balance is as it was' 200 '"balance":"10.50"' "$BANK_URL/v1/wallet" -H "user-id: $user"
fi

if [ -n "${CONTROLLER:-}" ]; then
  host=${PUBLIC_URL#*://}
  through() { what=$1; shift; "$what" "$@" --connect-to "$host::$CONTROLLER:"; }
  # Certificates and routes are not ready at once.
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
    ! curl --silent --fail --max-time 5 "$PUBLIC_URL/readyz" --connect-to "$host::$CONTROLLER:" >/dev/null || break
    sleep 5
  done
  case ${AUTH:-header} in
    header) through money "a deposit by way of $CONTROLLER" 200 '"balance":"11.50"' "$PUBLIC_URL/v1/deposit" outside 1 ;;
    jwt) through money "no deposit without a token by way of $CONTROLLER" 401 'www-authenticate: Bearer' "$PUBLIC_URL/v1/deposit" outside 1 ;;
    *) through expect "it is ready by way of $CONTROLLER" 200 '"status":"ready"' "$PUBLIC_URL/readyz" ;;
  esac
  case $PUBLIC_URL in
    https:*) through expect "$CONTROLLER redirects http" 30 "https://$host/readyz" "http://$host/readyz" ;;
  esac
fi
