{{/*
A Deployment of `bank`, and its Service. It is what the operator makes of a SpinApp, with everything that a SpinApp cannot express.
Arguments: the root, the name, the image, the number of replicas, and whether an autoscaler sets that number (`scaled`).
*/}}
{{- define "bank.deployment" -}}
{{- $app := . }}
{{- with .root }}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $app.name }}
  namespace: {{ .Release.Namespace | quote }}
  labels:
    {{- include "bank.labels" (list . "app") | nindent 4 }}
spec:
  {{- with include "bank.replicas" $app }}
  replicas: {{ . }}
  {{- end }}
  strategy:
    {{- if .Values.store.sqlite.enabled }}
    # Two pods cannot use one SQLite file at the same time.
    type: Recreate
    {{- else }}
    rollingUpdate: {maxUnavailable: 0, maxSurge: 1}
    {{- end }}
  selector:
    matchLabels:
      {{ include "bank.appLabel" . }}: {{ $app.name }}
  template:
    metadata:
      labels:
        {{- include "bank.podLabels" (list . "app") | nindent 8 }}
        {{ include "bank.appLabel" . }}: {{ $app.name }}
        {{- with include "bank.meshLabels" (list . true) | trim }}{{ nindent 8 . }}{{ end }}
      # A changed Secret does not replace pods. A changed annotation does.
      annotations:
        {{- if not .Values.store.sqlite.enabled }}
        checksum/redis-url: {{ include "bank.redisUrlMark" . | sha256sum | trunc 16 | quote }}
        {{- end }}
        secret-revision: {{ include "bank.secretRevision" . | quote }}
        {{- with include "bank.meshAnnotations" (list . true) | trim }}{{ nindent 8 . }}{{ end }}
    spec:
      serviceAccountName: {{ include "bank.name" . }}
      automountServiceAccountToken: false
      enableServiceLinks: false
      # After the drain, `bank` gives requests in flight 30 s.
      terminationGracePeriodSeconds: {{ add .Values.podPolicy.drainSeconds 35 }}
      {{- include "bank.everyPod" . | nindent 6 }}
      {{- with .Values.podPolicy.affinity }}
      affinity:
        {{- toYaml . | nindent 8 }}
      {{- end }}
      topologySpreadConstraints:
      {{- range list .Values.podPolicy.spreadOver "kubernetes.io/hostname" | uniq }}
        - maxSkew: 1
          topologyKey: {{ quote . }}
          whenUnsatisfiable: ScheduleAnyway
          labelSelector:
            matchLabels:
              {{ include "bank.appLabel" $app.root }}: {{ $app.name }}
      {{- end }}
      securityContext:
        {{- include "bank.podSecurity" (list . .Values.podPolicy.runAsUser) | nindent 8 }}
      containers:
        - {{ include "bank.container" $app | trim | nindent 10 | trim }}
      {{- with include "bank.volumes" . | trim }}
      volumes:
        {{- . | nindent 8 }}
      {{- end }}
{{- if not .Values.canary.flagger.enabled }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $app.name }}
  namespace: {{ .Release.Namespace | quote }}
  labels:
    {{- include "bank.labels" (list . "app") | nindent 4 }}
spec:
  selector:
    {{ include "bank.appLabel" . }}: {{ $app.name }}
  ports:
    {{- $scheme := include "bank.serviceScheme" . }}
    - {name: {{ $scheme }}, port: {{ include "bank.servicePort" . }}, targetPort: {{ $scheme }}, appProtocol: {{ $scheme }}}
{{- end }}
{{- end }}
{{- end }}

{{/*
The number of pods. With an autoscaler it is the number that the autoscaler set last: if an upgrade left the number out, Kubernetes would set
it to 1. It is left out at the first installation, and if the chart cannot query the cluster: then the autoscaler sets its minimum. With
Flagger this Deployment is the canary, which has no pods most of the time.
*/}}
{{- define "bank.replicas" -}}
{{- if .root.Values.canary.flagger.enabled }}
{{- with lookup "apps/v1" "Deployment" .root.Release.Namespace .name }}{{ int .spec.replicas }}
{{- else }}{{ .scaled | ternary "" .replicas }}
{{- end }}
{{- else if not .scaled }}{{ .replicas }}
{{- else }}
{{- with lookup "apps/v1" "Deployment" .root.Release.Namespace .name }}
{{- max (int .spec.replicas) (int $.root.Values.autoscaling.minReplicas) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "bank.container" -}}
{{- with .root }}
{{- $scheme := include "bank.serviceScheme" . }}
name: bank
image: {{ $.image | quote }}
command: [/bank, up]
args:
  - --listen=0.0.0.0:{{ include "bank.podPort" . }}
  # Without SQLite the pod stores nothing: its root file system is read-only.
  - --state-dir={{ if .Values.store.sqlite.enabled }}/data{{ end }}
  - --disable-cache
  # The pod continues to serve until the Service has removed it.
  - --drain-seconds={{ .Values.podPolicy.drainSeconds }}
  {{- if .Values.tls.pods.enabled }}
  # `bank` reads these files again when they change.
  - --tls-cert=/etc/tls/tls.crt
  - --tls-key=/etc/tls/tls.key
  {{- end }}
env:
  {{- range include "bank.variables" . | fromYamlArray }}
  - name: SPIN_VARIABLE_{{ upper .name }}
    {{- with .valueFrom }}
    valueFrom:
      secretKeyRef: {name: {{ quote .secretKeyRef.name }}, key: {{ quote .secretKeyRef.key }}}
    {{- else }}
    value: {{ quote .value }}
    {{- end }}
  {{- end }}
  {{- with .Values.executor.otlpEndpoint }}
  - {name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ quote . }}}
  - {name: OTEL_SERVICE_NAME, value: {{ $.name | quote }}}
  {{- if $.root.Values.canary.flagger.enabled }}
  # Flagger queries metrics more often than once a minute.
  - {name: OTEL_METRIC_EXPORT_INTERVAL, value: "5000"}
  {{- end }}
  - name: POD
    valueFrom:
      fieldRef: {fieldPath: metadata.name}
  - {name: OTEL_RESOURCE_ATTRIBUTES, value: {{ printf "service.instance.id=$(POD),k8s.pod.name=$(POD),k8s.namespace.name=%s" $.root.Release.Namespace | quote }}}
  {{- end }}
  {{- if .Values.redis.tls.caSecret }}
  - {name: SSL_CERT_FILE, value: /etc/certificates/ca-certificates.crt}
  {{- end }}
ports:
  - {name: {{ $scheme }}, containerPort: {{ include "bank.podPort" . }}}
{{- range $probe, $asked := .Values.probes }}
{{ $probe }}Probe:
  httpGet: {path: {{ quote $asked.path }}, port: {{ $scheme }}{{ if eq $scheme "https" }}, scheme: HTTPS{{ end }}}
  {{- omit $asked "path" | toYaml | nindent 2 }}
{{- end }}
resources:
  {{- include "bank.resources" .Values.resources | trim | nindent 2 }}
securityContext:
  {{- include "bank.containerSecurity" . | nindent 2 }}
{{- if include "bank.volumes" . | trim }}
volumeMounts:
  {{- if .Values.store.sqlite.enabled }}
  - {name: data, mountPath: /data}
  {{- end }}
  {{- if .Values.redis.tls.caSecret }}
  - {name: certificates, mountPath: /etc/certificates, readOnly: true}
  {{- end }}
  {{- if .Values.tls.pods.enabled }}
  - {name: tls, mountPath: /etc/tls, readOnly: true}
  {{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "bank.volumes" -}}
{{- if .Values.store.sqlite.enabled }}
- name: data
  persistentVolumeClaim: {claimName: {{ include "bank.claimName" . }}}
{{- end }}
{{- with .Values.redis.tls.caSecret }}
- name: certificates
  secret: {secretName: {{ quote . }}, items: [{key: ca-certificates.crt, path: ca-certificates.crt}]}
{{- end }}
{{- if .Values.tls.pods.enabled }}
- name: tls
  secret: {secretName: {{ include "bank.podsTlsSecret" . | quote }}}
{{- end }}
{{- end }}

{{/* The claim with SQLite's file. */}}
{{- define "bank.claimName" -}}
{{ include "bank.name" . }}-data
{{- end }}
