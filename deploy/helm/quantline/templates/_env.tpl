{{- /* An environment variable from a secret. Of: name, secret, key. */ -}}
{{- define "quantline.secretEnv" -}}
- name: {{ .name }}
  valueFrom:
    secretKeyRef:
      name: {{ .secret }}
      key: {{ .key }}
{{- end -}}

{{- define "quantline.tls" -}}{{- if has .Values.kafka.securityProtocol (list "SSL" "SASL_SSL") -}}yes{{- end -}}{{- end -}}
{{- define "quantline.sasl" -}}{{- if has .Values.kafka.securityProtocol (list "SASL_PLAINTEXT" "SASL_SSL") -}}yes{{- end -}}{{- end -}}
{{- define "quantline.oauth" -}}{{- if and (include "quantline.sasl" .) (eq .Values.kafka.sasl.mechanism "OAUTHBEARER") -}}yes{{- end -}}{{- end -}}

{{- /* What any Kafka client of Quantline needs, the services' and the command line's. Secrets are named, never held. */ -}}
{{- define "quantline.env.kafka" -}}
{{- $kafka := .Values.kafka -}}
- name: KAFKA_BOOTSTRAP_SERVERS
  value: {{ $kafka.bootstrapServers | quote }}
- name: KAFKA_SECURITY_PROTOCOL
  value: {{ $kafka.securityProtocol }}
{{- if include "quantline.tls" . }}
{{- with $kafka.tls.existingSecret }}
- name: KAFKA_SSL_TRUSTSTORE_TYPE
  value: PEM
{{ include "quantline.secretEnv" (dict "name" "KAFKA_SSL_TRUSTSTORE_CERTIFICATES" "secret" . "key" $kafka.tls.secretKey) }}
{{- end }}
{{- with $kafka.tls.clientExistingSecret }}
- name: KAFKA_SSL_KEYSTORE_TYPE
  value: PEM
{{ include "quantline.secretEnv" (dict "name" "KAFKA_SSL_KEYSTORE_CERTIFICATE_CHAIN" "secret" . "key" $kafka.tls.clientCertificateKey) }}
{{ include "quantline.secretEnv" (dict "name" "KAFKA_SSL_KEYSTORE_KEY" "secret" . "key" $kafka.tls.clientPrivateKeyKey) }}
{{- end }}
{{- end }}
{{- if include "quantline.sasl" . }}
{{- if $kafka.sasl.username }}
- name: BROKER_USERNAME
  value: {{ $kafka.sasl.username | quote }}
{{- else }}
{{ include "quantline.secretEnv" (dict "name" "BROKER_USERNAME" "secret" $kafka.sasl.existingSecret "key" $kafka.sasl.usernameKey) }}
{{- end }}
{{ include "quantline.secretEnv" (dict "name" "BROKER_PASSWORD" "secret" $kafka.sasl.existingSecret "key" $kafka.sasl.secretKey) }}
- name: KAFKA_SASL_MECHANISM
  value: {{ $kafka.sasl.mechanism }}
{{- with $kafka.sasl.oauth.scope }}
- name: BROKER_SCOPE
  value: {{ . | quote }}
{{- end }}
- name: KAFKA_SASL_JAAS_CONFIG
{{- if include "quantline.oauth" . }}
  value: >-
    org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required
    clientId="$(BROKER_USERNAME)" clientSecret="$(BROKER_PASSWORD)"{{ if $kafka.sasl.oauth.scope }} scope="$(BROKER_SCOPE)"{{ end }};
- name: KAFKA_SASL_OAUTHBEARER_TOKEN_ENDPOINT_URL
  value: {{ $kafka.sasl.oauth.tokenEndpoint | quote }}
- name: KAFKA_SASL_LOGIN_CALLBACK_HANDLER_CLASS
  value: org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginCallbackHandler
# The default checks signatures as a broker would, with a library that clients do not have.
- name: KAFKA_SASL_OAUTHBEARER_JWT_VALIDATOR_CLASS
  value: org.apache.kafka.common.security.oauthbearer.ClientJwtValidator
{{- else }}
  value: >-
    {{ hasPrefix "SCRAM" $kafka.sasl.mechanism | ternary "org.apache.kafka.common.security.scram.ScramLoginModule" "org.apache.kafka.common.security.plain.PlainLoginModule" }} required
    username="$(BROKER_USERNAME)" password="$(BROKER_PASSWORD)";
{{- end }}
{{- end }}
{{- end -}}

{{- /* The store's keys under the two names that a client has for them. Of: root, access, secret. */ -}}
{{- define "quantline.env.keys" -}}
{{- $store := .root.Values.store -}}
{{- if eq $store.credentials "keys" }}
{{ include "quantline.secretEnv" (dict "name" .access "secret" $store.existingSecret "key" $store.accessKeyKey) }}
{{ include "quantline.secretEnv" (dict "name" .secret "secret" $store.existingSecret "key" $store.secretKey) }}
{{- end }}
{{- if $store.tls.existingSecret }}
- name: QUANTLINE_STORE_AUTHORITIES
  value: /etc/quantline/store/ca.crt
{{- end }}
{{- end -}}

{{- /* Java's options. Kafka asks tokens of such endpoints only as a system property allows. Of: root, options. */ -}}
{{- define "quantline.env.java" -}}
{{- $allowed := "" -}}
{{- if include "quantline.oauth" .root -}}
{{- $allowed = printf "-Dorg.apache.kafka.sasl.oauthbearer.allowed.urls=%s" .root.Values.kafka.sasl.oauth.tokenEndpoint -}}
{{- end -}}
{{- with compact (list $allowed .options) | join " " }}
- name: JAVA_TOOL_OPTIONS
  value: {{ . | quote }}
{{- end }}
{{- end -}}

{{- /* The environment of a stage. Of: root, stage. */ -}}
{{- define "quantline.env.stage" -}}
{{- $values := .root.Values -}}
{{ include "quantline.env.kafka" .root }}
{{- range $name, $value := $values.kafka.properties }}
- name: KAFKA_{{ $name | upper | replace "." "_" | replace "-" "_" }}
  value: {{ $value | toString | quote }}
{{- end }}
- name: QUANTLINE_TOPICS_PREFIX
  value: {{ $values.topics.prefix | quote }}
- name: QUANTLINE_TOPICS_PARTITIONS
  value: {{ $values.topics.partitions | quote }}
- name: QUANTLINE_TOPICS_WORK_PARTITIONS
  value: {{ $values.topics.workPartitions | quote }}
- name: QUANTLINE_TOPICS_RETENTION
  value: {{ $values.topics.retention | quote }}
- name: QUANTLINE_TOPICS_CREATE
  value: {{ $values.topics.create | quote }}
- name: QUANTLINE_STORE_ENDPOINT
  value: {{ $values.store.endpoint | quote }}
- name: QUANTLINE_STORE_REGION
  value: {{ $values.store.region | quote }}
- name: QUANTLINE_STORE_BUCKET
  value: {{ $values.store.bucket | quote }}
{{- with $values.store.otherBuckets }}
- name: QUANTLINE_STORE_OTHER_BUCKETS
  value: {{ join "," . | quote }}
{{- end }}
- name: QUANTLINE_STORE_CREDENTIALS
  value: {{ $values.store.credentials }}
{{- include "quantline.env.keys" (dict "root" .root "access" "QUANTLINE_STORE_ACCESS_KEY" "secret" "QUANTLINE_STORE_SECRET_KEY") }}
- name: QUANTLINE_WORK_FOLDER
  value: /work
- name: QUANTLINE_WORK_PROVIDER
  value: {{ .stage.provider | quote }}
- name: QUANTLINE_WORK_CACHE_BYTES
  value: {{ .stage.work.cacheBytes | quote }}
- name: QUANTLINE_WORK_MEMORY_BYTES
  value: {{ .stage.work.memoryBytes | quote }}
- name: QUANTLINE_WORK_FAREWELL
  value: {{ .stage.finishSeconds }}s
- name: QUARKUS_HTTP_PORT
  value: "8080"
- name: QUARKUS_LOG_CONSOLE_JSON_ENABLED
  value: {{ $values.logging.json | quote }}
{{- with $values.tracing.endpoint }}
- name: QUARKUS_OTEL_SDK_DISABLED
  value: "false"
- name: QUARKUS_OTEL_EXPORTER_OTLP_ENDPOINT
  value: {{ . | quote }}
{{- end }}
{{- include "quantline.env.java" (dict "root" .root "options" .stage.javaOptions) }}
{{- with .stage.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end -}}
