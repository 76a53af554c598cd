# Nothing of the release is left, of whatever kind.
# shellcheck shell=bash
uninstalled() {
    local kind left
    helm uninstall quantline -n $SPACE --wait --timeout 5m
    k get pods
    # It waits for the deployments; their pods may still be handing back what they work on.
    k wait --for=delete pod --all --timeout=120s
    for kind in $(kubectl api-resources --namespaced --verbs=list -o name | grep -vx -e events -e events.events.k8s.io -e 'pods.metrics.k8s.io'); do
        left=$(k get "$kind" -o name | grep -v -e /kube-root-ca.crt -e serviceaccount/default -e secret/broker-ca -e secret/broker-user -e secret/store-keys -e secret/store-ca || true)
        [ -z "$left" ] || { echo "left: $left"; return 1; }
    done
}

check "\`helm uninstall\` leaves nothing in the namespace but the four secrets, which are not the chart's" uninstalled
