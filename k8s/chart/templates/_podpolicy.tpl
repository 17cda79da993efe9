{{/*
What a SpinApp can not say, as JSON patches to the pods that the operator makes: written as YAML here,
turned into CEL by bank.cel. The sleep is the kubelet's own, so it needs no shell: while it lasts the
Service forgets the pod, and only then comes the SIGTERM at which Spin ends at once.
*/}}
{{- define "bank.podPatch" -}}
{{- $grace := add .Values.podPolicy.drainSeconds 15 }}
{{- /* Field by field: OpenShift has written its users there before. */}}
{{- range $field, $value := include "bank.podSecurity" (list . .Values.podPolicy.runAsUser) | fromYaml }}
/spec/securityContext/{{ $field }}: {{ toJson $value }}
{{- end }}
/spec/securityContext/sysctls:
  - {name: net.ipv4.ip_unprivileged_port_start, value: "0"}
/spec/terminationGracePeriodSeconds: {{ $grace }}
/spec/topologySpreadConstraints:
{{- range list .Values.podPolicy.spreadOver "kubernetes.io/hostname" | uniq }}
  - maxSkew: 1
    topologyKey: {{ quote . }}
    whenUnsatisfiable: ScheduleAnyway
    labelSelector:
      matchLabels:
        {{- include "bank.appSelector" $ | nindent 8 }}
{{- end }}
{{- with .Values.podPolicy.affinity }}
/spec/affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
/spec/containers/0/securityContext/allowPrivilegeEscalation: false
/spec/containers/0/securityContext/readOnlyRootFilesystem: true
{{- /*
Not `drop` alone: containerd hands the shim an empty set then, and its library leaves all capabilities as they are.
With one beside it just that one is left, which `restricted` allows.
*/}}
/spec/containers/0/securityContext/capabilities:
  drop: [ALL]
  add: [NET_BIND_SERVICE]
/spec/containers/0/startupProbe:
  httpGet:
    path: {{ .Values.probes.startup.path | quote }}
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

{{/* A policy for objects of the operator, and its binding. Called with the root, a suffix, the resource and the expression of its patches. */}}
{{- define "bank.policy" -}}
{{- $root := get . "root" }}
{{- $name := printf "%s-%s%s" $root.Release.Namespace (include "bank.name" $root) .suffix }}
- apiVersion: {{ include "bank.podPolicyVersion" $root }}
  kind: MutatingAdmissionPolicy
  metadata:
    name: {{ $name }}
    labels:
      {{- include "bank.labels" (list $root "pod-policy") | nindent 6 }}
  spec:
    failurePolicy: Fail
    reinvocationPolicy: Never
    matchConstraints:
      namespaceSelector:
        matchLabels:
          kubernetes.io/metadata.name: {{ $root.Release.Namespace | quote }}
      objectSelector:
        {{- include "bank.appsSelector" $root | trim | nindent 8 }}
      resourceRules:
        - apiGroups: [{{ .group | quote }}]
          apiVersions: [v1]
          operations: {{ toJson .operations }}
          resources: [{{ .resource }}]
    {{- with .condition }}
    matchConditions:
      - name: applies
        expression: {{ toJson . }}
    {{- end }}
    mutations:
      - patchType: JSONPatch
        jsonPatch:
          expression: |
            {{- .patches | nindent 12 }}
- apiVersion: {{ include "bank.podPolicyVersion" $root }}
  kind: MutatingAdmissionPolicyBinding
  metadata:
    name: {{ $name }}
    labels:
      {{- include "bank.labels" (list $root "pod-policy") | nindent 6 }}
  spec:
    policyName: {{ $name }}
{{- end }}

{{- define "bank.podPatches" -}}
(has(object.spec.containers[0].securityContext) ? [] : [JSONPatch{op: "add", path: "/spec/containers/0/securityContext", value: dyn({})}]) +
{{- with .Values.tolerations }}
(has(object.spec.tolerations) ? [] : [JSONPatch{op: "add", path: "/spec/tolerations", value: dyn([])}]) +
{{- end }}
[
{{- range $path, $value := fromYaml (include "bank.podPatch" .) }}
  JSONPatch{op: "add", path: {{ quote $path }}, value: {{ include "bank.cel" $value }}},
{{- end }}
{{- range .Values.tolerations }}
  JSONPatch{op: "add", path: "/spec/tolerations/-", value: {{ include "bank.cel" . }}},
{{- end }}
]
{{- end }}

{{/*
Where an autoscaler is, the operator says nothing of replicas, and the API server makes one of that: at the first
installation, and when autoscaling is turned on, until the autoscaler acts. Always there, since a policy counts only
after a second: it goes by an annotation, which the operator passes on.
*/}}
{{- define "bank.replicasPatch" -}}
{{- $least := `int(object.metadata.annotations["money-bank/min-replicas"])` -}}
[JSONPatch{op: "replace", path: "/spec/replicas", value: dyn(
  oldObject != null && oldObject.spec.replicas > {{ $least }} ? int(oldObject.spec.replicas) : {{ $least }})}]
{{- end }}

{{- define "bank.podPolicy" -}}
{{ include "bank.policy" (dict "root" . "suffix" "" "group" "" "resource" "pods" "operations" (list "CREATE")
  "condition" "" "patches" (include "bank.podPatches" .)) }}
{{ include "bank.policy" (dict "root" . "suffix" "-replicas" "group" "apps" "resource" "deployments" "operations" (list "CREATE" "UPDATE")
  "condition" `object.spec.replicas == 1 && has(object.metadata.annotations) && "money-bank/min-replicas" in object.metadata.annotations`
  "patches" (include "bank.replicasPatch" .)) }}
{{- end }}
