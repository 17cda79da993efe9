{{/* A file of files/monitoring, with the release's own in place of what starts with a dollar sign. */}}
{{- define "bank.monitoringFile" -}}
{{- $root := index . 0 -}}
{{ $root.Files.Get (printf "files/monitoring/%s" (index . 1)) | replace "$NAMESPACE" $root.Release.Namespace | replace "$NAME" (include "bank.name" $root)
  | replace "$RATES_AGE_SECONDS" (include "bank.text" $root.Values.monitoring.rules.ratesAgeSeconds)
  | replace "$BACKUP_AGE_SECONDS" (include "bank.text" $root.Values.monitoring.rules.backupAgeSeconds)
  | replace "$COLLECTORS" $root.Values.monitoring.collector.namespace
  | replace "$EXPORTERS" (and $root.Values.monitoring.redisExporter.enabled $root.Values.redis.enabled | ternary "1" "0") }}
{{- end }}

{{/* Labels of what a Prometheus or a Grafana has to find. */}}
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
A regular expression of the names of pods that write the bank's lines: those of its Deployment, and of its canary's or Flagger's. A ReplicaSet
makes their ends of these letters and digits, and cuts its own name to 58 characters. Pods of a release called NAME-two have a part more.
*/}}
{{- define "bank.podsPattern" -}}
{{- $end := "[bcdfghjklmnpqrstvwxz2456789]" -}}
{{- $other := .Values.canary.enabled | ternary "(-canary)?" (.Values.canary.flagger.enabled | ternary "(-primary)?" "") -}}
^{{ include "bank.name" . }}{{ $other }}-{{ $end }}{1,10}-?{{ $end }}{5}$
{{- end }}

{{/*
Where traces or lines go on to. While nobody takes them there so many wait, and no more: they are in the Collector's memory, and when that is
full it counts no line either.
*/}}
{{- define "bank.collectorExporter" -}}
endpoint: {{ quote . }}
sending_queue: {sizer: items, queue_size: 20000}
{{- end }}

{{/* The Collector's configuration, and where traces and logs go on to. Of logs the files: what is sent by OTLP are the same lines. */}}
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

{{/* Where the Collector may go. Called with an address. */}}
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
