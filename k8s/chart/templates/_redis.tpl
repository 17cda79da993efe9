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
The passwords that Redis takes, as far as the chart knows them, as YAML: `password`, `previous`, and `rotation`, which made it. It
is asked once, and remembered beside the values: a password that is made has to be the same everywhere.
*/}}
{{- define "bank.redisPasswords" -}}
{{- if not (hasKey . "RedisPasswords") }}
{{- $_ := set . "RedisPasswords" (include "bank.redisPasswordsNow" .) }}
{{- end }}
{{- .RedisPasswords }}
{{- end }}

{{- define "bank.redisPasswordsNow" -}}
{{- if include "bank.hasPassword" . }}
{{- $there := lookup "v1" "Secret" .Release.Namespace (include "bank.redisSecret" .) }}
{{- $password := dig "data" "password" "" $there | b64dec }}
{{- $previous := dig "data" "previous-password" "" $there | b64dec }}
{{- $rotation := include "bank.text" .Values.redis.password.rotation }}
{{- if eq .Values.redis.password.source "generated" }}
{{- /* Made once: an upgrade finds the one that is there, without the one before. Another `rotation` makes a new one; "1", the default, asks for none. */}}
{{- $made := dig "metadata" "annotations" "rotation" "1" $there }}
{{- if not $password }}
{{- $password = randAlphaNum 40 }}
{{- $previous = "" }}
{{- else if or (eq $rotation "1") (eq $rotation $made) }}
{{- $previous = "" }}
{{- $rotation = $made }}
{{- else }}
{{- $previous = $password }}
{{- $password = randAlphaNum 40 }}
{{- end }}
{{- end }}
{{- dict "password" $password "previous" $previous "rotation" $rotation | toJson }}
{{- else -}}
{}
{{- end }}
{{- end }}

{{/* By scrypt: whoever may read an annotation must not be able to try passwords on it. */}}
{{- define "bank.secretMark" -}}
{{- with . }}{{ derivePassword 1 "long" . "money-bank" "redis" }}{{ end }}
{{- end }}

{{/* Changes with what Redis takes, so that it starts anew; an annotation of its pod. */}}
{{- define "bank.redisPasswordsMark" -}}
{{- with include "bank.redisPasswords" . | fromJson }}
{{- if .password }}{{ list (include "bank.secretMark" .password) (include "bank.secretMark" .previous) | toJson | sha256sum | trunc 16 }}{{ end }}
{{- end }}
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
{{- $url := dig "data" "url" "" $secret | b64dec }}
{{- if not $url }}{{ $password }}
{{- else if not (include "bank.urlHolds" (list $ $url $password)) }}
{{- fail (printf "redis.password.secretName: `url` in the Secret %s holds another password than `password`, so Redis would refuse the application. Leave `url` out, and the chart makes it:\n  kubectl -n %s patch secret %s --type json -p '[{\"op\":\"remove\",\"path\":\"/data/url\"}]'" $name .Release.Namespace $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/*
Does this address hold that password, with the line feed that a file ends in or without? Called with the root, the address and the
password. urlParse writes both in one way of percent-encoding; it is given nothing that it would print in an error.
*/}}
{{- define "bank.urlHolds" -}}
{{- $user := regexFind "^rediss?://([A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2})*@" (index . 1) }}
{{- if $user }}
{{- $sent := regexReplaceAll "^[^:]*:?" (printf "%shost" $user | urlParse).userinfo "" }}
{{- $password := index . 2 }}
{{- range list $password (trimSuffix "\n" $password) }}
{{- if eq $sent (regexReplaceAll "^[^:]*:?" (include "bank.redisUrl" (list (index $ 0) .) | urlParse).userinfo "") }}true{{ end }}
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
{{ include "bank.text" .Values.secretRevision }}
{{- end }}

{{/* Changes with the address of Redis, or the password in it, as far as the chart knows it. */}}
{{- define "bank.redisUrlMark" -}}
{{- if .Values.redis.enabled }}{{ with include "bank.redisPasswords" . | fromJson }}{{ include "bank.secretMark" .password }}{{ end }}
{{- else }}{{ include "bank.secretMark" .Values.redis.external.url }}{{ end }}
{{- end }}

{{/* Where the network policy lets the application through to, for a Redis of your own. */}}
{{- define "bank.redisPort" -}}
{{- with .Values.redis.external }}
{{- if .url }}{{ include "bank.port" (list .url "6379") }}{{ else }}{{ .port | default 6379 | int }}{{ end }}
{{- end }}
{{- end }}
