{{/* The namespace of the mesh's control plane. */}}
{{- define "bank.meshNamespace" -}}
{{ .Values.mesh.namespace | default (eq .Values.mesh.kind "linkerd" | ternary "linkerd" "istio-system") }}
{{- end }}

{{/* The labels that put a pod into a mesh of Istio. Linkerd uses annotations. Arguments: the root, and whether the pod is to be in the mesh. */}}
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

{{/* The annotations, likewise. The proxy is a native sidecar of Kubernetes: it starts before the pod's containers and ends after them, so
that Jobs end. */}}
{{- define "bank.meshAnnotations" -}}
{{- $in := index . 1 }}
{{- with (index . 0).Values.mesh.kind }}
{{- if and (eq . "istio") $in }}
sidecar.istio.io/nativeSidecar: "true"
{{- else if eq . "linkerd" }}
linkerd.io/inject: {{ $in | ternary "enabled" "disabled" }}
{{- if $in }}
config.beta.linkerd.io/proxy-enable-native-sidecar: "true"
# The policy of ports that no Server names, such as those of the proxy.
config.linkerd.io/default-inbound-policy: all-authenticated
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The ServiceAccounts that may call the bank, as NAMESPACE/SERVICEACCOUNT, one on each line. */}}
{{- define "bank.meshCallers" -}}
{{- range .Values.mesh.callers }}
{{ tpl . $ }}
{{- end }}
{{ .Release.Namespace }}/{{ include "bank.testAccount" . }}
{{- end }}

{{/* The ServiceAccount of `helm test`. In a mesh the test has its own, because a mesh identifies pods by it. */}}
{{- define "bank.testAccount" -}}
{{ include "bank.name" . }}-test
{{- end }}

{{/* The namespaces of the blackbox exporter. A mesh needs their names, so namespaces that are given by labels are left out. */}}
{{- define "bank.meshWatchers" -}}
{{- if .Values.monitoring.blackboxExporter }}
{{- range .Values.networkPolicy.monitoringNamespaces }}
{{- if kindIs "string" . }}
- {{ . }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{/* The port of the proxy, to which pods of the mesh connect instead of the intended port. It is a port of a network policy's rule. */}}
{{- define "bank.meshPort" -}}
{{- with get (dict "linkerd" 4143 "ambient" 15008) .Values.mesh.kind }}
- {protocol: TCP, port: {{ . }}}
{{- end }}
{{- end }}

{{/* Egress to the control plane. A proxy in a pod calls it from the pod. A proxy on a node calls it from the node. */}}
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

{{/* Ingress for Prometheus, which scrapes proxies. In ambient mode the kubelet's probes come from a separate address. */}}
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
