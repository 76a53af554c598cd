# Checks and the table they make; sourced.
# shellcheck shell=bash disable=SC2034
checks=0 failures=0

say() { printf '%s\n' "$*" >&2; }

# check WHAT FUNCTION ARGUMENT...: runs the function and adds a row to the table. What it writes to descriptor 3 is added to WHAT.
check() {
    local what=$1 start=$SECONDS code log held=held
    shift
    checks=$((checks + 1))
    log=$LOGS/$(printf '%02d' $checks)-$1.log
    # Not in a condition: there, bash would go on after a failure inside the function.
    set +e
    (set -e; "$@") >"$log" 2>&1 3>"$log.remark"
    code=$?
    set -e
    if [ $code != 0 ]; then
        failures=$((failures + 1))
        held='**failed**'
        say "-- $what: failed; the end of $log:"
        tail -n 15 "$log" >&2
    fi
    printf '| %s | %s | %d |\n' "$what$(cat "$log.remark")" "$held" $((SECONDS - start)) | tee -a "$LOGS/table.md"
    rm "$log.remark"
    return 0
}

# remark TEXT: adds to the row of the check that runs.
remark() { printf '%s' ": $*" >&3; }

# within SECONDS COMMAND...: repeats the command each second until it succeeds; fails when the time is over.
within() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || { echo "not within the time: $*"; return 1; }
        sleep 1
    done
}

# refused TEXT COMMAND...: the command must fail and say the text.
refused() {
    local text=$1 said
    shift
    if said=$("$@" 2>&1); then echo "did not fail: $*"; return 1; fi
    echo "$said"
    grep -qiE -- "$text" <<<"$said"
}
