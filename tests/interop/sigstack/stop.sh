#!/usr/bin/env bash
# Ends what start.sh started, by pid file.
set -uo pipefail
: "${SIGSTACK_STATE:?a folder}"
for pidfile in "$SIGSTACK_STATE"/pid/*; do
    [[ -e $pidfile ]] || continue
    pid=$(cat "$pidfile")
    # A pid may be somebody else's by now; each of these command lines names 127.0.0.1 or the state.
    if tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null | grep -qF -e 127.0.0.1 -e "$SIGSTACK_STATE"; then
        kill -KILL "$pid"
    fi
    rm -f "$pidfile"
done
