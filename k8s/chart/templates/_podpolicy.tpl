{{/*
What a SpinApp can not say, as JSON patches to the pods that the operator makes: written as YAML here,
turned into CEL by bank.cel. The sleep is the kubelet's own, so it needs no shell: while it lasts the
Service forgets the pod, and only then comes the SIGTERM at which Spin ends at once.
*/}}
{{- define "bank.podPatch" -}}
{{- $grace := add .Values.podPolicy.drainSeconds 15 }}
/spec/securityContext:
  {{- include "bank.podSecurity" .Values.podPolicy.runAsUser | nindent 2 }}
  sysctls:
    - {name: net.ipv4.ip_unprivileged_port_start, value: "0"}
/spec/terminationGracePeriodSeconds: {{ $grace }}
/spec/topologySpreadConstraints:
  - maxSkew: 1
    topologyKey: {{ .Values.podPolicy.spreadOver }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "bank.appSelector" . | nindent 8 }}
  - maxSkew: 1
    topologyKey: kubernetes.io/hostname
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "bank.appSelector" . | nindent 8 }}
{{- with .Values.podPolicy.affinity }}
/spec/affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
/spec/containers/0/securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  # Not `drop` alone: containerd hands the shim an empty set then, and its library leaves all capabilities as they
  # are. With one beside it just that one is left, which `restricted` allows.
  capabilities:
    drop: [ALL]
    add: [NET_BIND_SERVICE]
/spec/containers/0/startupProbe:
  httpGet:
    path: {{ .Values.probes.startup.path }}
    port: 80
  {{- omit .Values.probes.startup "path" | toYaml | nindent 2 }}
/spec/containers/0/lifecycle:
  preStop:
    sleep:
      seconds: {{ .Values.podPolicy.drainSeconds }}
{{- end }}

{{/* A value as a CEL literal. CEL's own maps and lists hold one type; dyn() takes that away. */}}
{{- define "bank.cel" -}}
{{- if kindIs "map" . -}}
dyn({ {{- $comma := "" }}{{ range $key, $value := . }}{{ $comma }}{{ quote $key }}: {{ include "bank.cel" $value }}{{ $comma = ", " }}{{ end -}} })
{{- else if kindIs "slice" . -}}
dyn([ {{- $comma := "" }}{{ range . }}{{ $comma }}{{ include "bank.cel" . }}{{ $comma = ", " }}{{ end -}} ])
{{- else if kindIs "float64" . -}}
dyn({{ int64 . }})
{{- else -}}
dyn({{ toJson . }})
{{- end }}
{{- end }}

{{- define "bank.podPolicy" -}}
- apiVersion: {{ include "bank.podPolicyVersion" . }}
  kind: MutatingAdmissionPolicy
  metadata:
    name: {{ .Release.Namespace }}-{{ include "bank.name" . }}
    labels:
      {{- include "bank.labels" (list . "pod-policy") | nindent 6 }}
  spec:
    failurePolicy: Fail
    reinvocationPolicy: Never
    matchConstraints:
      namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ .Release.Namespace }}
      objectSelector:
        matchLabels:
          {{- include "bank.appSelector" . | nindent 10 }}
      resourceRules:
        - apiGroups: [""]
          apiVersions: [v1]
          operations: [CREATE]
          resources: [pods]
    mutations:
      - patchType: JSONPatch
        jsonPatch:
          expression: |
            [
            {{- range $path, $value := fromYaml (include "bank.podPatch" .) }}
              JSONPatch{op: "add", path: {{ quote $path }}, value: {{ include "bank.cel" $value }}},
            {{- end }}
            ]
- apiVersion: {{ include "bank.podPolicyVersion" . }}
  kind: MutatingAdmissionPolicyBinding
  metadata:
    name: {{ .Release.Namespace }}-{{ include "bank.name" . }}
    labels:
      {{- include "bank.labels" (list . "pod-policy") | nindent 6 }}
  spec:
    policyName: {{ .Release.Namespace }}-{{ include "bank.name" . }}
{{- end }}
