#!/bin/sh
# Replaces `tenfold serve` in the tests of a box's life cycle. The file `mode` in the lab's directory selects
# its behaviour.
printf '%s\n' "$@" >"/dev/fd/2"
while [ $# -gt 0 ]; do
    case "$1" in
        --data) directory=${2%/data} ;;
        --ready-file) ready=$2 ;;
        --progress-file) progress=$2 ;;
    esac
    shift
done
announce() {
    echo "{\"address\":\"127.0.0.1:4001\",\"admin\":\"127.0.0.1:4002\",\"pid\":$$}" >"$ready.partial"
    mv "$ready.partial" "$ready"
}
# Reports that $1 of 10 rows are loaded.
report() {
    echo "{\"doing\":\"loading\",\"done\":$1,\"of\":10,\"unit\":\"rows\"}" >"$progress.partial"
    mv "$progress.partial" "$progress"
}
mode=$(cat "$directory/mode" 2>/dev/null)
echo "mode $mode, store ${TENFOLD_STORE:-none}" >&2
case "$mode" in
    early-death) echo "could not open the store" >&2; exit 3 ;;
    never-ready) cat >/dev/null ;;
    slow-load) for row in 1 2 3 4 5 6 7 8 9 10; do report $row; sleep 0.2; done; announce; cat >/dev/null ;;
    half-loaded) for row in 1 2 3; do report $row; sleep 0.2; done; cat >/dev/null ;;
    retrying) while :; do attempt=$((attempt + 1)); echo "attempt $attempt failed" >&2; sleep 0.05; done ;;
    garbage) echo "listening" >"$ready"; cat >/dev/null ;;
    stuck) announce; while :; do sleep 60; done ;;
    late-death) announce; sleep 0.3; echo "out of memory" >&2; exit 4 ;;
    greedy) announce; sleep 0.3; all=$(head -c 200000000 /dev/zero | tr '\0' x); echo "${#all}" >&2 ;;
    slow-to-stop) announce; cat >/dev/null; sleep 1 ;;
    bad-stop) announce; cat >/dev/null; echo "could not close the store" >&2; exit 5 ;;
    *) announce; cat >/dev/null; echo "stopped" >&2 ;;
esac
