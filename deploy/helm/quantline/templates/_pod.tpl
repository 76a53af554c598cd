{{- /* What the spec of every pod begins with. */ -}}
{{- define "quantline.podSpec" -}}
serviceAccountName: {{ include "quantline.serviceAccount" . }}
automountServiceAccountToken: {{ .Values.serviceAccount.automountToken }}
# Otherwise a Service named kafka would set variables that look like settings of Kafka clients.
enableServiceLinks: false
{{- with concat .Values.global.imagePullSecrets .Values.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- end -}}

{{- /* Folders that may be written to, and the store's authorities. Of: root, work (sizeLimit, volumeSource), tmp (sizeLimit). */ -}}
{{- define "quantline.volumes" -}}
- name: work
  {{- if .work.volumeSource }}
  {{- toYaml .work.volumeSource | nindent 2 }}
  {{- else }}
  emptyDir:
    sizeLimit: {{ .work.sizeLimit }}
  {{- end }}
- name: tmp
  emptyDir:
    sizeLimit: {{ .tmp.sizeLimit }}
{{- with .root.Values.store.tls }}
{{- if .existingSecret }}
- name: store-authorities
  secret:
    secretName: {{ .existingSecret }}
    items:
      - key: {{ .secretKey }}
        path: ca.crt
{{- end }}
{{- end }}
{{- end -}}

{{- define "quantline.mounts" -}}
- name: work
  mountPath: /work
- name: tmp
  mountPath: /tmp
{{- if .Values.store.tls.existingSecret }}
- name: store-authorities
  mountPath: /etc/quantline/store
  readOnly: true
{{- end }}
{{- end -}}

{{- /* Changes with the secrets: with the text that a user changes, and with their versions where the cluster may be asked. */ -}}
{{- define "quantline.secretsChecksum" -}}
{{- $seen := list .Values.rotation.checksum -}}
{{- if .Values.rotation.lookup -}}
{{- $namespace := default .Release.Namespace .Values.namespaceOverride -}}
{{- $tls := .Values.kafka.tls -}}
{{- range compact (list $tls.existingSecret $tls.clientExistingSecret .Values.kafka.sasl.existingSecret .Values.store.existingSecret .Values.store.tls.existingSecret) -}}
{{- $secret := lookup "v1" "Secret" $namespace . -}}
{{- with $secret -}}
{{- $seen = append $seen .metadata.resourceVersion -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- join "," $seen | sha256sum -}}
{{- end -}}

{{- /* A pod that runs the command line once, with the addresses of broker and store. Of: root, component, args. */ -}}
{{- define "quantline.consolePod" -}}
{{- $values := .root.Values -}}
{{ include "quantline.podSpec" .root }}
restartPolicy: Never
containers:
  - name: {{ .component }}
    image: {{ include "quantline.image" (dict "root" .root "component" "console" "image" $values.console.image) }}
    imagePullPolicy: {{ $values.image.pullPolicy }}
    args:
      {{- toYaml .args | nindent 6 }}
      - --kafka=$(KAFKA_BOOTSTRAP_SERVERS)
      - --s3={{ $values.store.endpoint }}
      - --s3-region={{ $values.store.region }}
      - --bucket={{ $values.store.bucket }}
      - --topic-prefix={{ $values.topics.prefix }}
      - --wait={{ $values.prepare.wait }}
    workingDir: /work
    env:
      {{- include "quantline.env.kafka" .root | nindent 6 }}
      {{- include "quantline.env.keys" (dict "root" .root "access" "AWS_ACCESS_KEY_ID" "secret" "AWS_SECRET_ACCESS_KEY") | nindent 6 }}
      # Where the tokenizer's native library is unpacked.
      - name: DJL_CACHE_DIR
        value: /tmp
      {{- include "quantline.env.java" (dict "root" .root "options" "") | nindent 6 }}
    securityContext:
      {{- toYaml $values.securityContext | nindent 6 }}
    resources:
      {{- toYaml $values.console.resources | nindent 6 }}
    volumeMounts:
      {{- include "quantline.mounts" .root | nindent 6 }}
volumes:
  {{- include "quantline.volumes" (dict "root" .root "work" (dict "sizeLimit" "2Gi") "tmp" (dict "sizeLimit" "2Gi")) | nindent 2 }}
{{- end -}}
