{{- /* Names */ -}}

{{- define "quantline.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" -}}
{{- end -}}

{{- define "quantline.fullname" -}}
{{- $name := include "quantline.name" . -}}
{{- $whole := ternary .Release.Name (printf "%s-%s" .Release.Name $name) (contains $name .Release.Name) -}}
{{- default $whole .Values.fullnameOverride | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "quantline.serviceAccount" -}}
{{- default (ternary (include "quantline.fullname" .) "default" .Values.serviceAccount.create) .Values.serviceAccount.name -}}
{{- end -}}

{{- /* What an object begins with. Of: root, component (may be empty), name (without the release's), labels and annotations of its own. */ -}}
{{- define "quantline.metadata" -}}
{{- $annotations := merge (dict) (.annotations | default dict) .root.Values.commonAnnotations -}}
name: {{ compact (list (include "quantline.fullname" .root) .name) | join "-" }}
namespace: {{ default .root.Release.Namespace .root.Values.namespaceOverride }}
labels:
  {{- include "quantline.labels" . | nindent 2 }}
{{- with $annotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end -}}

{{- define "quantline.labels" -}}
{{- $own := merge (include "quantline.selector" . | fromYaml) (dict
      "helm.sh/chart" (printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_")
      "app.kubernetes.io/version" (.root.Chart.AppVersion | replace "+" "_")
      "app.kubernetes.io/part-of" "quantline"
      "app.kubernetes.io/managed-by" .root.Release.Service) -}}
{{- toYaml (merge $own (.labels | default dict) .root.Values.commonLabels) -}}
{{- end -}}

{{- define "quantline.selector" -}}
app.kubernetes.io/name: {{ include "quantline.name" .root }}
app.kubernetes.io/instance: {{ .root.Release.Name }}
{{- with .component }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- /* An image. Of: root, component, image (repository, tag, digest). */ -}}
{{- define "quantline.image" -}}
{{- $common := .root.Values.image -}}
{{- $registry := default $common.registry .root.Values.global.image.registry -}}
{{- $repository := default (printf "%s/%s" $common.repository .component) .image.repository -}}
{{- $tag := default (default .root.Chart.AppVersion $common.tag) .image.tag -}}
{{- $version := ternary (printf ":%s" $tag) (printf "@%s" .image.digest) (empty .image.digest) -}}
{{- compact (list $registry $repository) | join "/" }}{{ $version -}}
{{- end -}}

{{- /* The stages that are enabled, each with the defaults that it does not override, as YAML. */ -}}
{{- define "quantline.stages" -}}
{{- $stages := dict -}}
{{- range $name, $own := .Values.stages -}}
{{- $stage := deepCopy $.Values.stageDefaults -}}
{{- include "quantline.override" (list $stage ($own | default dict)) -}}
{{- if $stage.enabled -}}
{{- $_ := set $stages $name $stage -}}
{{- end -}}
{{- end -}}
{{- toYaml $stages -}}
{{- end -}}

{{- /* Overrides a map, in place, by another; unlike mergeOverwrite also by false, 0 and nothing. Of: a list of the two. */ -}}
{{- define "quantline.override" -}}
{{- $base := index . 0 -}}
{{- range $key, $value := index . 1 -}}
{{- if and (kindIs "map" $value) (kindIs "map" (get $base $key)) -}}
{{- include "quantline.override" (list (get $base $key) $value) -}}
{{- else -}}
{{- $_ := set $base $key $value -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* What a stage reads: topics, after the prefix, and the consumer groups that read them. A test compares it with the services. */ -}}
{{- define "quantline.subscriptions" -}}
profiler: {jobs: profiler-jobs, cancel: profiler-cancel, profile.work: profiler-work, profile.work-done: profiler-work-done}
calibrator: {profiled: calibrator-profiled, calibrate.work: calibrator-work, calibrate.work-done: calibrator-work-done}
tuner: {calibrated: tuner-calibrated, tune.work: tuner-work, tune.work-done: tuner-work-done}
exporter: {tuned: exporter-tuned, export.work: exporter-work, export.work-done: exporter-work-done}
{{- end -}}

{{- /* Every topic, after the prefix: those that stages read, and those that people and other programs do. */ -}}
{{- define "quantline.topics" -}}
{{- $topics := list "exported" "progress" "failed" "dead-letter" -}}
{{- range include "quantline.subscriptions" . | fromYaml -}}
{{- $topics = concat $topics (keys .) -}}
{{- end -}}
{{- sortAlpha $topics | toYaml -}}
{{- end -}}

{{- /* A time such as 7d, 12h, 30m or 90s in milliseconds. */ -}}
{{- define "quantline.milliseconds" -}}
{{- $units := dict "d" 86400000 "h" 3600000 "m" 60000 "s" 1000 -}}
{{- mul (regexFind "^[0-9]+" .) (get $units (regexFind "[dhms]$" .)) -}}
{{- end -}}
