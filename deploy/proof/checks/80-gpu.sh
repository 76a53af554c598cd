# The tuner of deploy/examples/gpu.yaml waits for a GPU and goes to the node that has one; no GPU is needed for that.
# shellcheck shell=bash
NODE=$(kubectl get nodes -o 'jsonpath={.items[0].metadata.name}')

# What the scheduler says of the pod itself: events of the same kind are held back and counted together.
waits() { k get pods -l app.kubernetes.io/component=tuner -o 'jsonpath={.items[*].status.conditions[?(@.type=="PodScheduled")].message}' | grep "$1"; }
on_node() { [ "$(k get pods -l app.kubernetes.io/component=tuner -o 'jsonpath={.items[0].spec.nodeName}')" = "$NODE" ]; }

gpu() {
    local small='stages.tuner.image.tag=old,stages.tuner.resources.requests.cpu=50m,stages.tuner.resources.requests.memory=512Mi'
    kubectl apply -f - <<<'{"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", "metadata": {"name": "nvidia"}, "handler": "runc"}'
    helm upgrade quantline "$CHART" -n $SPACE -f "$HERE/values.yaml" -f "$HERE/../examples/gpu.yaml" --set "$small,prepare.enabled=false" \
        --set "kafka.bootstrapServers=$BROKER,store.endpoint=$STORE,image.tag=old,stageDefaults.replicas=0,stages.tuner.replicas=1"
    k get pods,replicasets,deployments,scaledobjects
    # KEDA, whose objects went with this, may take the pod away once more.
    k wait --for=delete scaledobject/quantline-tuner --timeout=60s
    k scale deployment/quantline-tuner --replicas=1
    within 60 waits "node affinity"
    kubectl label node "$NODE" nvidia.com/gpu.present=true
    within 60 waits "Insufficient nvidia.com/gpu"
    kubectl patch node "$NODE" --subresource=status --type=json \
        -p '[{"op": "add", "path": "/status/capacity/nvidia.com~1gpu", "value": "1"}, {"op": "add", "path": "/status/allocatable/nvidia.com~1gpu", "value": "1"}]'
    within 60 on_node
}

no_gpu() {
    kubectl label node "$NODE" nvidia.com/gpu.present-
    kubectl patch node "$NODE" --subresource=status --type=json \
        -p '[{"op": "remove", "path": "/status/capacity/nvidia.com~1gpu"}, {"op": "remove", "path": "/status/allocatable/nvidia.com~1gpu"}]'
    kubectl delete runtimeclass nvidia
}

check "\`gpu.yaml\`: the tuner waits for its label and for a GPU, and is scheduled once the node has both" gpu
no_gpu >"$LOGS/no-gpu.log" 2>&1 || true
