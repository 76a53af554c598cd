{{- /* What a schema cannot say. Each message names the value and what to do. */ -}}
{{- define "quantline.validate" -}}
{{- $known := .Files.Get "files/known-values.yaml" | fromYaml -}}
{{- include "quantline.known" (dict "here" "" "values" .Values "known" $known) -}}
{{- $kafka := .Values.kafka -}}
{{- if and (include "quantline.sasl" .) (empty $kafka.sasl.existingSecret) -}}
{{- fail (printf "kafka.securityProtocol is %s: name the secret with user and password in kafka.sasl.existingSecret" $kafka.securityProtocol) -}}
{{- end -}}
{{- if and (include "quantline.oauth" .) (empty $kafka.sasl.oauth.tokenEndpoint) -}}
{{- fail "kafka.sasl.mechanism is OAUTHBEARER: give the URL of the token endpoint in kafka.sasl.oauth.tokenEndpoint" -}}
{{- end -}}
{{- if and (or $kafka.tls.existingSecret $kafka.tls.clientExistingSecret) (not (include "quantline.tls" .)) -}}
{{- fail (printf "kafka.tls names a secret, and kafka.securityProtocol is %s: use SSL or SASL_SSL" $kafka.securityProtocol) -}}
{{- end -}}
{{- range $name, $value := $kafka.properties -}}
{{- if regexMatch "^(security|ssl|sasl|bootstrap)[.]" $name -}}
{{- fail (printf "kafka.properties.%s: addresses, security and secrets stand in kafka.bootstrapServers, kafka.tls and kafka.sasl, or in stageDefaults.extraEnv" $name) -}}
{{- end -}}
{{- end -}}
{{- if and (eq .Values.store.credentials "keys") (empty .Values.store.existingSecret) -}}
{{- fail "store.credentials is keys: name the secret that holds them in store.existingSecret" -}}
{{- end -}}
{{- if and .Values.strimzi.topics.enabled .Values.topics.create -}}
{{- fail "strimzi.topics.enabled lets the operator make the topics: set topics.create to false" -}}
{{- end -}}
{{- range $name, $stage := include "quantline.stages" . | fromYaml -}}
{{- $scale := $stage.autoscaling -}}
{{- $budget := $stage.podDisruptionBudget -}}
{{- if and (ne (toString $budget.minAvailable) "") (ne (toString $budget.maxUnavailable) "") -}}
{{- fail (printf "podDisruptionBudget of %s: minAvailable and maxUnavailable exclude each other, set one of them to \"\"" $name) -}}
{{- end -}}
{{- if and (ne $scale.type "none") (gt (int $scale.maxReplicas) (int $.Values.topics.workPartitions)) -}}
{{- fail (printf "autoscaling.maxReplicas of %s is %v, and its topic of work has %v partitions (topics.workPartitions): more pods than partitions have nothing to do" $name $scale.maxReplicas $.Values.topics.workPartitions) -}}
{{- end -}}
{{- if gt (int $scale.minReplicas) (int $scale.maxReplicas) -}}
{{- fail (printf "autoscaling of %s: minReplicas is more than maxReplicas" $name) -}}
{{- end -}}
{{- if and (eq $scale.type "hpa") (lt (int $scale.minReplicas) 1) -}}
{{- fail (printf "autoscaling of %s: hpa cannot scale to 0, set minReplicas to 1 or type to keda" $name) -}}
{{- end -}}
{{- if le (int $stage.terminationGracePeriodSeconds) (int $stage.finishSeconds) -}}
{{- fail (printf "terminationGracePeriodSeconds of %s must be more than its finishSeconds, %v" $name $stage.finishSeconds) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Fails for a value that the chart does not have. Of: here (a path), values (a map), known (path: map, stage, open or value). */ -}}
{{- define "quantline.known" -}}
{{- range $key, $value := .values -}}
{{- $path := list $.here $key | compact | join "." -}}
{{- $kind := get $.known $path -}}
{{- if not $kind -}}
{{- $elsewhere := include "quantline.elsewhere" $ | fromYaml -}}
{{- $near := default (include "quantline.nearest" (dict "path" $path "names" (keys $.known | sortAlpha))) (get $elsewhere $path) -}}
{{- fail (printf "%s: there is no such value; did you mean %s?" $path $near) -}}
{{- else if and (eq $kind "map") (kindIs "map" $value) -}}
{{- include "quantline.known" (dict "here" $path "values" $value "known" $.known) -}}
{{- else if and (eq $kind "stage") (kindIs "map" $value) -}}
{{- include "quantline.known" (dict "here" "stageDefaults" "values" $value "known" $.known) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* Where values are that had another name in an earlier version (none yet), or that other charts have elsewhere. */ -}}
{{- define "quantline.elsewhere" -}}
replicaCount: stageDefaults.replicas
autoscaling: stageDefaults.autoscaling
podAnnotations: stageDefaults.podAnnotations
podLabels: stageDefaults.podLabels
resources: stageDefaults.resources
nodeSelector: stageDefaults.nodeSelector
tolerations: stageDefaults.tolerations
affinity: stageDefaults.affinity
extraEnv: stageDefaults.extraEnv
serviceMonitor: monitoring.podMonitor
metrics: monitoring
s3: store
minio: store
{{- end -}}

{{- /* The name that shares most pairs of letters with the last part of a path, siblings first. */ -}}
{{- define "quantline.nearest" -}}
{{- $best := "" -}}
{{- $most := -1 -}}
{{- $pairs := include "quantline.pairs" .path | splitList " " -}}
{{- range $name := .names -}}
{{- $others := include "quantline.pairs" $name | splitList " " -}}
{{- $shared := 0 -}}
{{- range $pairs -}}
{{- if has . $others -}}{{- $shared = add $shared 1 -}}{{- end -}}
{{- end -}}
{{- $score := div (mul 2000 $shared) (add (len $pairs) (len $others)) -}}
{{- if eq (dir (replace "." "/" $name)) (dir (replace "." "/" $.path)) -}}{{- $score = add $score 100 -}}{{- end -}}
{{- if gt $score $most -}}
{{- $most = $score -}}
{{- $best = $name -}}
{{- end -}}
{{- end -}}
{{- $best -}}
{{- end -}}

{{- define "quantline.pairs" -}}
{{- $word := splitList "." . | last | lower -}}
{{- $pairs := list -}}
{{- range $i := until (int (sub (len $word) 1)) -}}
{{- $pairs = append $pairs (substr $i (int (add $i 2)) $word) -}}
{{- end -}}
{{- join " " $pairs -}}
{{- end -}}
