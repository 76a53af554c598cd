# Another version comes and goes while a job runs.
# shellcheck shell=bash
upgraded() {
    submit upgraded
    at upgraded calibrate
    release new
    images_are new
    finished upgraded 600
    same_bytes upgraded
    cheap upgraded
}

rolled_back() {
    submit rolled-back
    at rolled-back calibrate
    helm rollback quantline -n $SPACE --wait --timeout 5m
    images_are old
    finished rolled-back 600
    same_bytes rolled-back
    cheap rolled-back
}

drained() {
    local node
    node=$(kubectl get nodes -o name | head -n 1)
    submit drained
    at drained calibrate
    kubectl drain "$node" --pod-selector app.kubernetes.io/instance=quantline --delete-emptydir-data --timeout 180s
    [ "$(k get pods -l app.kubernetes.io/instance=quantline --field-selector status.phase=Running -o name)" = '' ]
    kubectl uncordon "$node"
    finished drained 600
    same_bytes drained
    cheap drained
}

check "rolling upgrade in the middle of a job: done, byte-equal" upgraded
check "rollback in the middle of a job: done, byte-equal" rolled_back
check "the node is drained in the middle of a job, and uncordoned: done, byte-equal" drained
kubectl uncordon "$(kubectl get nodes -o name | head -n 1)" >/dev/null
