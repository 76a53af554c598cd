# By KEDA, on the lag of the stage's topics, from nothing to several pods and back.
# shellcheck shell=bash
none() { [ -z "$(k get pods -l "$STAGE_PODS" -o name)" ]; }
two() { [ "$(running calibrator)" = 2 ]; }

to_none() {
    release old -f "$HERE/keda.yaml"
    k wait --for=condition=Ready scaledobject --all --timeout 60s
    within 180 none
}

first_item() {
    local start=$SECONDS
    submit scaled
    within 120 worked scaled
    remark "$((SECONDS - start)) s to the first item"
    ((SECONDS - start <= 60))
}
worked() { [ -n "$(records profile.work-done "$1")" ]; }

several() {
    submit scaled-2
    submit scaled-3
    within 300 two
}

back() {
    local job
    for job in scaled scaled-2 scaled-3; do
        finished $job 600
        same_bytes $job
    done
    within 300 none
}

check "KEDA takes all stages to 0 pods" to_none
check "a job wakes them" first_item
check "three jobs get a stage two pods" several
check "all three done, byte-equal, and no pod is left" back
