{{- /* Alerts by name; docs/runbook.md has a section for each. A counter appears with its first event, which increase() would not see. */ -}}
{{- define "quantline.alerts" -}}
{{- $pods := printf "namespace=%q, pod=~%q" (default .Release.Namespace .Values.namespaceOverride) (printf "%s-.*" (include "quantline.fullname" .)) -}}
QuantlinePodDown:
  expr: up{ {{- $pods -}} } == 0
  for: 10m
  severity: warning
  summary: Prometheus cannot read the metrics of a pod
QuantlineRestarts:
  expr: changes(process_start_time_seconds{ {{- $pods -}} }[1h]) > 2
  severity: warning
  summary: A pod has restarted more than twice within an hour
QuantlineWorkStands:
  expr: >-
    max by (client_id) (kafka_consumer_fetch_manager_records_lag_max{ {{- $pods }}, client_id=~"kafka-consumer-.*-work"}) > 0
    unless on (client_id) sum by (client_id) (increase(kafka_consumer_fetch_manager_records_consumed_total{ {{- $pods -}} }[1h])) > 0
  for: 1h
  severity: critical
  summary: A stage has work and has not taken any for an hour
QuantlineLag:
  expr: max by (client_id) (kafka_consumer_fetch_manager_records_lag_max{ {{- $pods }}, client_id=~"kafka-consumer-.*-work"}) > 100
  for: 1h
  severity: info
  summary: A stage has had more than 100 items waiting for an hour
{{- range $kind, $rule := dict
    "world" (list "QuantlineWorldFails" "warning" "15m" "Broker or store failed while a stage worked")
    "bug" (list "QuantlineBug" "critical" "1h" "A job failed because of a bug in Quantline")
    "record" (list "QuantlineRecordsPutAside" "info" "1h" "Records could not be read and went to the dead-letter topic") }}
{{- $count := printf "quantline_failures_total{%s, kind=%q}" $pods $kind }}
{{ index $rule 0 }}:
  expr: sum by (stage) ({{ $count }} - ({{ $count }} offset {{ index $rule 2 }} or 0 * {{ $count }})) > 0
  severity: {{ index $rule 1 }}
  summary: {{ index $rule 3 }}
{{- end }}
{{- end -}}
