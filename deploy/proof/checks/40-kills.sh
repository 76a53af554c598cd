# A pod of each stage is killed while it works on the same job.
# shellcheck shell=bash

# kill_at ID VERB: without notice, as a node does that loses its power.
kill_at() {
    local pod
    at "$1" "$2"
    pod=$(pods "${STAGE_OF[$2]}" | head -n 1)
    k delete "$pod" --grace-period=0 --force --wait=false
}

killed() {
    local verb
    submit killed
    for verb in profile calibrate tune export; do kill_at killed "$verb"; done
    finished killed 600
    same_bytes killed
    cheap killed
}

check "a pod of each stage is killed in the middle of a job: done, byte-equal" killed
