{{/* Where the control plane of the mesh runs. */}}
{{- define "bank.meshNamespace" -}}
{{ .Values.mesh.namespace | default (eq .Values.mesh.kind "linkerd" | ternary "linkerd" "istio-system") }}
{{- end }}

{{/* By which a mesh takes a pod in: Istio goes by labels, Linkerd by annotations. Called with the root and whether the pod is to be in it. */}}
{{- define "bank.meshLabels" -}}
{{- $in := index . 1 }}
{{- with (index . 0).Values.mesh.kind }}
{{- if eq . "istio" }}
sidecar.istio.io/inject: {{ $in | toString | quote }}
{{- else if eq . "ambient" }}
istio.io/dataplane-mode: {{ $in | ternary "ambient" "none" }}
{{- end }}
{{- end }}
{{- end }}

{{/* Likewise. A proxy that is a sidecar of Kubernetes' own starts before the pod's containers and ends after them, so that Jobs end. */}}
{{- define "bank.meshAnnotations" -}}
{{- $in := index . 1 }}
{{- with (index . 0).Values.mesh.kind }}
{{- if and (eq . "istio") $in }}
sidecar.istio.io/nativeSidecar: "true"
{{- else if eq . "linkerd" }}
linkerd.io/inject: {{ $in | ternary "enabled" "disabled" }}
{{- if $in }}
config.beta.linkerd.io/proxy-enable-native-sidecar: "true"
# Of ports that no Server names, such as the proxy's own.
config.linkerd.io/default-inbound-policy: all-authenticated
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Who may call the bank, as NAMESPACE/SERVICEACCOUNT, one a line; templates. */}}
{{- define "bank.meshCallers" -}}
{{- range .Values.mesh.callers }}
{{ tpl . $ }}
{{- end }}
{{ .Release.Namespace }}/{{ include "bank.testAccount" . }}
{{- end }}

{{/* The ServiceAccount of `helm test`: in a mesh it is known by one of its own. */}}
{{- define "bank.testAccount" -}}
{{ include "bank.name" . }}-test
{{- end }}

{{/* The namespaces whose blackbox exporter asks. A mesh knows their names alone. */}}
{{- define "bank.meshWatchers" -}}
{{- if .Values.monitoring.blackboxExporter }}
{{- range .Values.networkPolicy.monitoringNamespaces }}
{{- if kindIs "string" . }}
- {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* Where all connections between pods of the mesh arrive, besides the ports that are meant, as a rule's port. */}}
{{- define "bank.meshPort" -}}
{{- with get (dict "linkerd" 4143 "ambient" 15008) .Values.mesh.kind }}
- {protocol: TCP, port: {{ . }}}
{{- end }}
{{- end }}

{{/* A proxy in a pod calls its control plane; one on a node does that from there. */}}
{{- define "bank.meshEgress" -}}
{{- with get (dict "istio" (list 15012) "linkerd" (list 8080 8086 8090)) .Values.mesh.kind }}
- to:
    {{- include "bank.namespaces" (list (include "bank.meshNamespace" $)) | trim | nindent 4 }}
  ports:
    {{- range . }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
{{- end }}

{{/* Prometheus asks proxies; and ambient sends the kubelet's probes on from an address of its own. */}}
{{- define "bank.meshIngress" -}}
{{- $ports := get (dict "istio" (list 15020 15090) "linkerd" (list 4191)) .Values.mesh.kind }}
{{- if and $ports .Values.networkPolicy.monitoringNamespaces }}
- from:
    {{- include "bank.namespaces" .Values.networkPolicy.monitoringNamespaces | trim | nindent 4 }}
  ports:
    {{- range $ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
{{- end }}
{{- if eq .Values.mesh.kind "ambient" }}
- from: [{ipBlock: {cidr: 169.254.7.127/32}}]
{{- end }}
{{- end }}

{{/* The Services of the application, and of its canary. */}}
{{- define "bank.services" -}}
- {{ include "bank.name" . }}
{{- if .Values.canary.enabled }}
- {{ include "bank.canaryName" . }}
{{- end }}
{{- end }}
