#!/usr/bin/env bash
# Starts a private Sigstore on loopback: OIDC issuers and a stand-in CT log (`fakes`), Fulcio, Rekor v2, a timestamp
# authority. Waits until each answers, writes trusted_root.json and signing_config.json into $SIGSTACK_STATE, and prints
# the base of the issuers' URLs. Port $SIGSTACK_PORT and the seven behind it; *:2112, which upstream fixes, for the
# authority's metrics. SIGSTACK_CT=none: certificates carry no proof that they were logged.
#
# Never to be used outside tests: keys are unencrypted, and anybody on the machine can mint any identity.
set -euo pipefail
: "${SIGSTACK_STATE:?a folder}" "${SIGSTACK_PORT:?the first of eight free ports}" "${SIGSTACK_CT:=fake}"
oidc=127.0.0.1:$SIGSTACK_PORT
fulcio=127.0.0.1:$((SIGSTACK_PORT + 1))
rekor=127.0.0.1:$((SIGSTACK_PORT + 4))
tsa=127.0.0.1:$((SIGSTACK_PORT + 6))
mkdir -p "$SIGSTACK_STATE"/{log,pid,rekor}
[[ -e $SIGSTACK_STATE/fulcio-config.json ]] || sigstack-fakes init "$SIGSTACK_STATE" "http://$oidc"
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
trap '[[ $? == 0 ]] || "$here/stop.sh"' EXIT

run() { # NAME COMMAND...
    local name=$1
    shift
    setsid "$@" >"$SIGSTACK_STATE/log/$name" 2>&1 </dev/null &
    echo $! >"$SIGSTACK_STATE/pid/$name"
}

ready() { # NAME URL
    for _ in $(seq 600); do
        curl -fsS -o /dev/null "$2" 2>/dev/null && return
        kill -0 "$(cat "$SIGSTACK_STATE/pid/$1")" 2>/dev/null || break
        sleep 0.05
    done
    echo "$1 does not answer at $2:" >&2
    tail -5 "$SIGSTACK_STATE/log/$1" >&2
    exit 1
}

ct_log_url=
[[ $SIGSTACK_CT == none ]] || ct_log_url=http://$oidc/ctlog

# Fulcio asks each issuer for its discovery document while it starts.
run oidc sigstack-fakes serve "$SIGSTACK_STATE" "$oidc"
ready oidc "http://$oidc/healthz"
# Without its own name for the legacy socket only one Fulcio could run in a network namespace.
run fulcio fulcio serve \
    --host=127.0.0.1 --port="${fulcio#*:}" --grpc-host=127.0.0.1 --grpc-port=$((SIGSTACK_PORT + 2)) \
    --legacy-unix-domain-socket="@sigstack-fulcio-$SIGSTACK_PORT" \
    --metrics-port=$((SIGSTACK_PORT + 3)) --ct-log-url="$ct_log_url" \
    --config-path="$SIGSTACK_STATE/fulcio-config.json" --ca=fileca --fileca-watch=false \
    --fileca-cert="$SIGSTACK_STATE/fulcio.chain.pem" \
    --fileca-key="$SIGSTACK_STATE/fulcio.key.pem" --fileca-key-passwd=
# --hostname is the checkpoint's origin: verifiers expect the host of the log's URL, without port.
run rekor rekor-server-posix serve \
    --hostname=127.0.0.1 --http-address=127.0.0.1 --http-port="${rekor#*:}" \
    --grpc-address=127.0.0.1 --grpc-port=$((SIGSTACK_PORT + 5)) --http-metrics-port=$((SIGSTACK_PORT + 7)) \
    --storage-dir="$SIGSTACK_STATE/rekor" --signer-filepath="$SIGSTACK_STATE/rekor.key.pem" \
    --checkpoint-interval=200ms --batch-max-age=50ms
run tsa timestamp-server serve \
    --host=127.0.0.1 --port="${tsa#*:}" --scheme=http --disable-ntp-monitoring --cleanup-timeout=1s \
    --timestamp-signer=file --file-signer-key-path="$SIGSTACK_STATE/tsa.key.pem" \
    --certificate-chain-path="$SIGSTACK_STATE/tsa.chain.pem"
ready fulcio "http://$fulcio/healthz"
ready rekor "http://$rekor/healthz"
ready tsa "http://$tsa/ping"

since=2024-01-01T00:00:00Z
ctfe=()
[[ $SIGSTACK_CT == none ]] || ctfe=(--ctfe "url=$ct_log_url,public-key=$SIGSTACK_STATE/ctlog.pub.pem,start-time=$since")
cosign trusted-root create --out "$SIGSTACK_STATE/trusted_root.json" "${ctfe[@]}" \
    --fulcio "url=http://$fulcio,certificate-chain=$SIGSTACK_STATE/fulcio.chain.pem" \
    --rekor "url=http://$rekor,public-key=$SIGSTACK_STATE/rekor.pub.pem,start-time=$since,origin=127.0.0.1" \
    --tsa "url=http://$tsa/api/v1/timestamp,certificate-chain=$SIGSTACK_STATE/tsa.chain.pem"
service=start-time=$since,operator=sigstack
cosign signing-config create --out "$SIGSTACK_STATE/signing_config.json" \
    --fulcio "url=http://$fulcio,api-version=1,$service" \
    --rekor "url=http://$rekor,api-version=2,$service" --rekor-config ANY \
    --tsa "url=http://$tsa/api/v1/timestamp,api-version=1,$service" --tsa-config ANY \
    --oidc-provider "url=http://$oidc/email,api-version=1,$service"
echo "http://$oidc"
