{{- define "bank.redisName" -}}
{{ include "bank.name" . }}-redis
{{- end }}

{{/* Where the pod of Redis runs, and whom it may push aside. */}}
{{- define "bank.redisPlace" -}}
{{- with .Values.redis.priorityClassName }}
priorityClassName: {{ quote . }}
{{- end }}
{{- with .Values.redis.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.redis.affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The Secret with the key `password`, whoever makes it. */}}
{{- define "bank.redisSecret" -}}
{{ .Values.redis.password.secretName | default (include "bank.redisName" .) }}
{{- end }}

{{- define "bank.hasPassword" -}}
{{- if and .Values.redis.enabled (ne .Values.redis.password.source "none") }}true{{ end }}
{{- end }}

{{/* Percent-encoded: `urlquery` writes a space as a plus, which is a plus in this part of an address. */}}
{{- define "bank.redisUrl" -}}
{{- $root := index . 0 -}}
redis://:{{ index . 1 | urlquery | replace "+" "%20" }}@{{ include "bank.redisName" $root }}:6379
{{- end }}

{{/*
The password of an existing Secret that names no `url`, as far as a cluster can be asked: then the chart makes the
address, in a Secret of its own. Empty where the Secret has one, or where there is nobody to ask.
*/}}
{{- define "bank.passwordWithoutUrl" -}}
{{- if and .Values.redis.enabled (eq .Values.redis.password.source "existing") }}
{{- $name := .Values.redis.password.secretName }}
{{- $secret := lookup "v1" "Secret" .Release.Namespace $name }}
{{- if $secret }}
{{- $password := dig "data" "password" "" $secret | b64dec }}
{{- if not (trim $password) }}
{{- fail (printf "redis.password.secretName: the Secret %s has no `password`, or an empty one, with which Redis would let everybody in" $name) }}
{{- end }}
{{- if not (dig "data" "url" "" $secret) }}{{ $password }}{{ end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The Secret with the key `url`. */}}
{{- define "bank.redisUrlSecret" -}}
{{- if include "bank.passwordWithoutUrl" . -}}
{{ include "bank.redisName" . }}-url
{{- else if .Values.redis.enabled -}}
{{ include "bank.redisSecret" . }}
{{- else -}}
{{ .Values.redis.external.secretName | default (include "bank.redisName" .) }}
{{- end }}
{{- end }}

{{/* Changes when pods have to read their Secrets again. */}}
{{- define "bank.secretRevision" -}}
{{ include "bank.text" .Values.secretRevision }}{{ with .Values.redis.password }}{{ if eq .source "generated" }}.{{ include "bank.text" .rotation }}{{ end }}{{ end }}
{{- end }}

{{/* Changes with the address in the values. By scrypt: whoever may read an annotation must not be able to try passwords on it. */}}
{{- define "bank.redisUrlMark" -}}
{{- with .Values.redis.external.url }}{{ derivePassword 1 "long" . "money-bank" "redis" }}{{ end }}
{{- end }}

{{/* Where the network policy lets the application through to, for a Redis of your own. */}}
{{- define "bank.redisPort" -}}
{{- with .Values.redis.external }}
{{- if .url }}{{ include "bank.port" (list .url "6379") }}{{ else }}{{ .port | default 6379 | int }}{{ end }}
{{- end }}
{{- end }}
