{{- define "bank.backupClaim" -}}
{{ .Values.backup.claim.existing | default (printf "%s-backup" (include "bank.name" .)) }}
{{- end }}

{{/* The image that includes `bank`. With SpinKube it is another image than the application's. */}}
{{- define "bank.backupImage" -}}
{{- if .Values.backup.image }}{{ .Values.backup.image }}
{{- else if eq .Values.runtime "bank" }}{{ include "bank.image" . }}
{{- else }}
{{- $digest := "" }}
{{- if not .Values.image.tag }}{{ $digest = include "bank.releasedDigest" (list . "bank") }}{{ end }}
{{- include "bank.imageOf" (dict "repository" "ghcr.io/money-bank/money-bank-bank" "tag" (include "bank.tag" .) "digest" $digest) }}
{{- end }}
{{- end }}

{{/* The folder of exports, as `bank` takes it. Each release has its own folder. */}}
{{- define "bank.backupPlace" -}}
{{- with .Values.backup.s3 }}
{{- if .bucket }}s3://{{ .bucket }}/{{ .prefix | default (printf "%s/%s" $.Release.Namespace (include "bank.name" $)) }}/{{ else }}/backups/{{ end }}
{{- end }}
{{- end }}

{{/* The port of S3: the one in its address, otherwise the default port of the scheme. */}}
{{- define "bank.s3Port" -}}
{{- $endpoint := .Values.backup.s3.endpoint }}
{{- include "bank.port" (list $endpoint (hasPrefix "http:" $endpoint | ternary "80" "443")) }}
{{- end }}

{{/* The Secret with the authorities that are trusted besides the public ones. A drill calls only S3. */}}
{{- define "bank.backupCa" -}}
{{- if and .root.Values.backup.s3.bucket .root.Values.backup.s3.caSecret }}{{ .root.Values.backup.s3.caSecret }}
{{- else if eq .component "backup" }}{{ .root.Values.redis.tls.caSecret }}
{{- end }}
{{- end }}

{{/*
A CronJob. `backup` exports. `drill` restores the newest export into a temporary file, and verifies that file. Arguments: the root, the
component (`backup` or `drill`), and the schedule.
*/}}
{{- define "bank.backupJob" -}}
{{- $job := . }}
{{- with .root }}
apiVersion: batch/v1
kind: CronJob
metadata:
  name: {{ include "bank.name" . }}-{{ $job.component }}
  namespace: {{ .Release.Namespace | quote }}
  labels:
    {{- include "bank.labels" (list . $job.component) | nindent 4 }}
spec:
  schedule: {{ $job.schedule | quote }}
  concurrencyPolicy: Forbid
  startingDeadlineSeconds: 600
  successfulJobsHistoryLimit: 1
  failedJobsHistoryLimit: 3
  jobTemplate:
    spec:
      # Exit codes 2, 3 and 5 are final. A Job that fails otherwise is tried again: with 4, something changed meanwhile.
      backoffLimit: 3
      activeDeadlineSeconds: {{ int .Values.backup.deadlineSeconds }}
      podFailurePolicy:
        rules:
          - action: FailJob
            onExitCodes: {operator: In, values: [2, 3, 5]}
      template:
        metadata:
          labels:
            {{- include "bank.podLabels" (list . $job.component) | nindent 12 }}
            {{- /* A drill calls nothing in the mesh. */}}
            {{- $inMesh := list . (eq $job.component "backup") }}
            {{- with include "bank.meshLabels" $inMesh | trim }}{{ nindent 12 . }}{{ end }}
          {{- with include "bank.meshAnnotations" $inMesh | trim }}
          annotations:
            {{- . | nindent 12 }}
          {{- end }}
        spec:
          restartPolicy: Never
          serviceAccountName: {{ include "bank.name" . }}
          automountServiceAccountToken: false
          enableServiceLinks: false
          {{- include "bank.everyPod" . | nindent 10 }}
          {{- if and .Values.store.sqlite.enabled (eq $job.component "backup") }}
          # The claim with SQLite's file is on one node, so this pod must run there too.
          affinity:
            podAffinity:
              requiredDuringSchedulingIgnoredDuringExecution:
                - topologyKey: kubernetes.io/hostname
                  labelSelector:
                    matchLabels:
                      {{- include "bank.appSelector" . | nindent 22 }}
          {{- end }}
          securityContext:
            {{- include "bank.podSecurity" (list . .Values.podPolicy.runAsUser) | nindent 12 }}
          {{- if eq $job.component "drill" }}
          {{- $atLeast := printf "--at-least=%d" (int64 .Values.backup.drill.atLeast) }}
          initContainers:
            - {{ include "bank.backupContainer" (dict "root" . "name" "import" "place" true "arguments" (list "import" (include "bank.backupPlace" .) $atLeast "--state-dir=/scratch/store")) | trim | nindent 14 | trim }}
          containers:
            - {{ include "bank.backupContainer" (dict "root" . "name" "verify" "arguments" (list "verify" "--all" $atLeast "--state-dir=/scratch/store")) | trim | nindent 14 | trim }}
          {{- else }}
          {{- $from := .Values.store.sqlite.enabled | ternary (list "--state-dir=/data") list }}
          containers:
            - {{ include "bank.backupContainer" (dict "root" . "name" "export" "place" true "writes" true "arguments" (concat (list "export" (printf "--to=%s" (include "bank.backupPlace" .)) (printf "--keep=%d" (int .Values.backup.keep))) $from)) | trim | nindent 14 | trim }}
          {{- end }}
          volumes:
            {{- if not .Values.backup.s3.bucket }}
            - name: backups
              persistentVolumeClaim: {claimName: {{ include "bank.backupClaim" . | quote }}}
            {{- end }}
            - name: scratch
              emptyDir: {sizeLimit: {{ .Values.backup.claim.size }}}
            {{- if and .Values.store.sqlite.enabled (eq $job.component "backup") }}
            - name: data
              persistentVolumeClaim: {claimName: {{ include "bank.claimName" . }}}
            {{- end }}
            {{- with include "bank.backupCa" $job | trim }}
            - name: certificates
              secret: {secretName: {{ quote . }}, items: [{key: ca-certificates.crt, path: ca-certificates.crt}]}
            {{- end }}
{{- end }}
{{- end }}

{{- define "bank.backupContainer" -}}
{{- $container := . }}
{{- $ca := and .place (include "bank.backupCa" (dict "root" .root "component" (ternary "backup" "drill" (eq .name "export"))) | trim) }}
{{- with .root }}
name: {{ $container.name }}
image: {{ include "bank.backupImage" . | quote }}
command: [/bank]
args: {{ toJson $container.arguments }}
env:
  # While keys are sorted, those that do not fit into memory go here.
  - {name: TMPDIR, value: /scratch}
  {{- if $container.place }}
  {{- with .Values.backup.s3 }}
  {{- if .bucket }}
  - {name: AWS_REGION, value: {{ quote .region }}}
  {{- with .endpoint }}
  - {name: AWS_ENDPOINT_URL_S3, value: {{ quote . }}}
  {{- end }}
  {{- $secret := .existingSecret }}
  {{- range list "AWS_ACCESS_KEY_ID" "AWS_SECRET_ACCESS_KEY" "AWS_SESSION_TOKEN" }}
  - name: {{ . }}
    valueFrom:
      secretKeyRef: {name: {{ quote $secret }}, key: {{ . }}{{ if eq . "AWS_SESSION_TOKEN" }}, optional: true{{ end }}}
  {{- end }}
  {{- end }}
  {{- end }}
  {{- end }}
  {{- if $container.writes }}
  {{- if not .Values.store.sqlite.enabled }}
  - {name: SPIN_VARIABLE_STORE, value: redis}
  - name: SPIN_VARIABLE_REDIS_URL
    valueFrom:
      secretKeyRef: {name: {{ include "bank.redisUrlSecret" . | quote }}, key: url}
  {{- end }}
  {{- end }}
  {{- if $ca }}
  - {name: SSL_CERT_FILE, value: /etc/certificates/ca-certificates.crt}
  {{- end }}
resources:
  {{- include "bank.resources" .Values.backup.resources | trim | nindent 2 }}
securityContext:
  {{- include "bank.containerSecurity" . | nindent 2 }}
volumeMounts:
  {{- if not .Values.backup.s3.bucket }}
  - {name: backups, mountPath: /backups{{ if not $container.writes }}, readOnly: true{{ end }}}
  {{- end }}
  - {name: scratch, mountPath: /scratch}
  {{- if $container.writes }}
  {{- if .Values.store.sqlite.enabled }}
  - {name: data, mountPath: /data}
  {{- end }}
  {{- end }}
  {{- if $ca }}
  - {name: certificates, mountPath: /etc/certificates, readOnly: true}
  {{- end }}
{{- end }}
{{- end }}
