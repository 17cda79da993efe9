{{/* A file of files/monitoring, with its variables ($NAMESPACE, …) replaced. */}}
{{- define "bank.monitoringFile" -}}
{{- $root := index . 0 -}}
{{ $root.Files.Get (printf "files/monitoring/%s" (index . 1)) | replace "$NAMESPACE" $root.Release.Namespace | replace "$NAME" (include "bank.name" $root)
  | replace "$RATES_AGE_SECONDS" (include "bank.text" $root.Values.monitoring.rules.ratesAgeSeconds)
  | replace "$BACKUP_AGE_SECONDS" (include "bank.text" $root.Values.monitoring.rules.backupAgeSeconds)
  | replace "$COLLECTORS" $root.Values.monitoring.collector.namespace
  | replace "$EXPORTERS" (and $root.Values.monitoring.redisExporter.enabled $root.Values.redis.enabled | ternary "1" "0") }}
{{- end }}

{{/* The labels of objects that Prometheus or Grafana have to find. */}}
{{- define "bank.monitoringLabels" -}}
{{ merge (include "bank.labels" (list . "monitoring") | fromYaml) (.Values.monitoring.labels | default dict) | toYaml }}
{{- end }}

{{- define "bank.collectorName" -}}
{{ include "bank.name" . }}-collector
{{- end }}

{{- define "bank.collectorSelector" -}}
app.kubernetes.io/component: collector
{{ include "bank.instance" . }}
{{- end }}

{{/*
A regular expression for the names of pods whose log lines are the bank's: pods of its Deployment, and of its canary's or Flagger's. A
ReplicaSet uses only these letters and digits at the end of a name, and cuts its own name to 58 characters. The expression does not match
pods of a release called NAME-two: their names have one more part.
*/}}
{{- define "bank.podsPattern" -}}
{{- $end := "[bcdfghjklmnpqrstvwxz2456789]" -}}
{{- $other := .Values.canary.enabled | ternary "(-canary)?" (.Values.canary.flagger.enabled | ternary "(-primary)?" "") -}}
^{{ include "bank.name" . }}{{ $other }}-{{ $end }}{1,10}-?{{ $end }}{5}$
{{- end }}

{{/*
An exporter of traces or log lines. If their receiver does not accept them, at most `queue_size` of them wait in the Collector's memory: if that
memory were full, the Collector could not count lines any more.
*/}}
{{- define "bank.collectorExporter" -}}
endpoint: {{ quote . }}
sending_queue: {sizer: items, queue_size: 20000}
{{- end }}

{{/* The Collector's configuration, with the exporters of traces and logs. It forwards log lines from files, because OTLP sends the same lines. */}}
{{- define "bank.collectorConfig" -}}
{{- $config := .Files.Get "files/monitoring/collector.yaml" | fromYaml }}
{{- $service := $config.service.pipelines }}
{{- with .Values.monitoring.collector.tracesEndpoint }}
{{- $_ := set $config.exporters "otlp_http/traces" (include "bank.collectorExporter" . | fromYaml) }}
{{- $_ := set $service.traces "exporters" (append $service.traces.exporters "otlp_http/traces") }}
{{- end }}
{{- with .Values.monitoring.collector.logsEndpoint }}
{{- $_ := set $config.exporters "otlp_http/logs" (include "bank.collectorExporter" . | fromYaml) }}
{{- $_ := set $service "logs" (dict "receivers" (list "filelog") "processors" (list "memory_limiter" "batch") "exporters" (list "otlp_http/logs")) }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{/* Egress of the Collector to a receiver. Argument: its address. */}}
{{- define "bank.collectorWay" -}}
- to:
    {{- with include "bank.namespaceOfHost" . }}
    {{- include "bank.namespaces" (list .) | trim | nindent 4 }}
    {{- else }}
    - ipBlock: {cidr: 0.0.0.0/0}
    - ipBlock: {cidr: "::/0"}
    {{- end }}
  ports:
    - {protocol: TCP, port: {{ include "bank.portOfUrl" . }}}
{{- end }}
